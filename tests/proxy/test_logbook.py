import pytest
from django.db import OperationalError, connection

from providers.wire.messages import Usage
from proxy import logbook
from proxy.models import AttemptLog, RequestLog
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


def test_texts_no_database_takes_are_made_harmless():
    """NUL, half surrogates and overlong texts do not keep a row from being written."""
    assert logbook.write([record(requested_model="a\0b\ud83d", error="x" * 5000, why="\0")]) == 0
    row = RequestLog.objects.get()
    assert row.requested_model == "a␀b\ufffd"
    assert len(row.error) == 1000


def test_one_bad_row_does_not_fail_its_batch():
    """A row the database refuses is left out; its neighbours are written."""
    batch = [record(1), record(2, duration_ms=-(10**30)), record(3)]
    assert logbook.write(batch) == 1
    assert set(RequestLog.objects.values_list("request_id", flat=True)) == {"req_1", "req_3"}


def test_rows_wait_while_the_database_is_away(monkeypatch):
    """A database that fails keeps the rows waiting; they are written when it is back."""
    book, real = logbook.Logbook(), logbook.write
    failing = [True]

    def write(batch):
        if failing[0]:
            raise OperationalError("database is locked")
        return real(batch)

    monkeypatch.setattr(logbook, "write", write)
    book._waiting.append(record())
    assert book._write_waiting() is False
    assert book.waiting == 1
    assert "locked" in book.trouble
    failing[0] = False
    assert book._write_waiting() is True
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
