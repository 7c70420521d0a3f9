import pytest
from django.db import OperationalError, connection

from providers.wire.messages import Usage
from proxy import log_rows, logbook, presence
from proxy.models import AttemptLog, Instance, RequestLog
from proxy.record import AttemptRecord, RequestRecord

pytestmark = pytest.mark.django_db(transaction=True)


def record(number=1, **fields):
    fields = {"outcome": "ok", "status": 200, "usage": Usage(1, 2, 3, 4), **fields}
    attempts = [AttemptRecord(1, "main", "glm", "overloaded"), AttemptRecord(2, "spare", "glm", "ok")]
    return RequestRecord(f"req_{number}", "anthropic_messages", "messages", attempts=attempts, **fields)


def test_a_closed_logbook_has_written_everything():
    """Each record becomes one row with its attempts, and close waits for all of them."""
    book = logbook.Logbook()
    for number in range(1200):
        book.put_nowait(record(number))
    book.close()
    assert RequestLog.objects.count() == 1200
    row = RequestLog.objects.get(request_id="req_7")
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cache_write_tokens) == (1, 2, 3, 4)
    assert list(row.attempt_rows.values_list("provider", "outcome")) == [("main", "overloaded"), ("spare", "ok")]
    assert AttemptLog.objects.count() == 2400


def test_who_ends_is_not_counted_among_the_living():
    """A server that was stopped and one that took its place are not two; a logbook used again says so again."""
    book = logbook.Logbook()
    book.put_nowait(record(1))
    book.close()
    assert (Instance.objects.get().pk, presence.living()) == (book.instance, 0)
    assert book._round() is True
    assert presence.living() == 1
    connection.close()


def test_rows_wait_while_the_database_is_away(monkeypatch):
    """A database that fails keeps the rows waiting; they are written when it is back."""
    book, real = logbook.Logbook(), log_rows.write
    failing = [True]

    def write(batch, *args, **options):
        if failing[0]:
            raise OperationalError("database is locked")
        return real(batch, *args, **options)

    monkeypatch.setattr(log_rows, "write", write)
    book._waiting.append(record())
    assert book._round() is False
    assert book.waiting == 1
    assert "locked" in book.trouble
    failing[0] = False
    assert book._round() is True
    assert (book.waiting, book.trouble) == (0, "")
    assert RequestLog.objects.count() == 1
    connection.close()


def test_the_queue_is_bounded(monkeypatch):
    """Beyond the bound rows are counted and dropped; nobody waits."""
    monkeypatch.setattr(logbook, "MAX_WAITING", 1)
    book = logbook.Logbook()
    book._waiting.append(record(1))
    book.put_nowait(record(2))
    assert (book.waiting, book.dropped) == (1, 1)
