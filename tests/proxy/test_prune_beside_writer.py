"""Old rows are deleted while new ones are written: neither keeps the other waiting, on a database file of their own."""

import contextlib
import threading
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone

from proxy import log_rows, record
from proxy.management.commands import prunelogs
from proxy.models import AttemptLog, RequestLog

OLD = 2500


@pytest.fixture
def history():
    """More old rows than fit into two batches, each with an attempt."""
    then = timezone.now() - timedelta(days=40)
    rows = RequestLog.objects.bulk_create(RequestLog(request_id=f"old{n}", time=then, outcome="ok") for n in range(OLD))
    AttemptLog.objects.bulk_create(
        AttemptLog(request=row, number=1, provider="p", actual_model="m", outcome="ok") for row in rows
    )


@pytest.mark.django_db(transaction=True)
def test_91_the_log_is_written_while_it_is_pruned(history, monkeypatch):
    """Between two batches nothing is locked: the log's own thread writes a row there, and its rows stay."""
    taken = prunelogs.RequestLog.objects.none().__class__.delete
    batches, written = [], []

    def write(number):
        with contextlib.closing(connections["default"]):
            written.append(log_rows.write([record.RequestRecord(f"new{number}", "x", "messages", outcome="ok")]))

    def delete(rows):
        assert not connection.in_atomic_block
        batches.append(rows.count())
        found = taken(rows)
        writer = threading.Thread(target=write, args=(len(batches),))
        writer.start()
        writer.join(5)
        assert not writer.is_alive()
        return found

    monkeypatch.setattr(prunelogs.RequestLog.objects.none().__class__, "delete", delete)
    call_command("prunelogs", "--days", "30", "--json")
    assert batches == [1000, 1000, 500] and written == [0, 0, 0]
    assert sorted(RequestLog.objects.values_list("request_id", flat=True)) == ["new1", "new2", "new3"]
    assert not AttemptLog.objects.exists()
