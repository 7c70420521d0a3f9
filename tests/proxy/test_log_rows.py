"""Records to rows, on whatever database the tests run on."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import DataError, connection

from providers.wire.messages import Usage
from proxy import log_rows
from proxy.models import AttemptLog, RequestLog
from proxy.record import AttemptRecord, RequestRecord, unfinished

pytestmark = pytest.mark.django_db(transaction=True)


def record(number=1, **fields):
    fields = {"outcome": "ok", "status": 200, "usage": Usage(1, 2, 3, 4), **fields}
    attempts = [AttemptRecord(1, "main", "glm", "overloaded", key="key 1 of 2"), AttemptRecord(2, "spare", "glm", "ok")]
    attempts[1].usage, attempts[1].cost_usd = Usage(1, 2, 3, 4), Decimal("0.00000125")
    return RequestRecord(f"req_{number}", "anthropic_messages", "messages", attempts=attempts, **fields)


def test_texts_no_database_takes_are_made_harmless():
    """NUL, half surrogates and overlong texts do not keep a row from being written."""
    assert log_rows.write([record(requested_model="a\0b\ud83d", error="x" * 5000, why="\0", provider="\0")]) == 0
    row = RequestLog.objects.get()
    assert row.requested_model == "a␀b\ufffd"
    assert len(row.error) == 1000


def test_numbers_no_database_takes_become_the_largest_it_does():
    """A vendor's absurd token count or a time below zero does not keep a row from being written."""
    huge = record(usage=Usage(10**5000, -1, 2**63, 4), duration_ms=-(10**30), status=10**9, first_content_ms=2**40)
    assert log_rows.write([huge]) == 0
    row = RequestLog.objects.get()
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens) == (2**63 - 1, 0, 2**63 - 1)
    assert (row.duration_ms, row.status, row.first_content_ms) == (0, 2**15 - 1, 2**31 - 1)
    assert row.error == ""


@pytest.mark.parametrize("poison", [{"time": "yesterday"}, {"status": "good"}, {"why": None}, {"outcome": "x" * 9000}])
def test_a_poison_row_costs_none_of_its_batch(poison):
    """499 neighbours are written whole; of the poison row what the database takes, with the reason."""
    batch = [record(number, **(poison if number == 250 else {}), body=b"zlib") for number in range(500)]
    if poison.get("outcome") and connection.vendor == "sqlite":
        batch[250].outcome = None  # SQLite takes a text of any length, but not nothing
    assert log_rows.write(batch) == 0
    assert RequestLog.objects.filter(error="", body=b"zlib").count() == 499
    assert AttemptLog.objects.exclude(request__request_id="req_250").count() == 2 * 499
    row = RequestLog.objects.get(request_id="req_250")
    assert row.body is None and "saved" in row.error and "Error" in row.error


def test_a_body_that_the_database_refuses_is_left_out(monkeypatch):
    """The row comes without it and with the reason, its attempts too."""
    real = log_rows._write_all

    def refuse_bodies(batch, *args, **kwargs):
        if any(one.body for one in batch):
            raise DataError("string or blob too big")
        return real(batch, *args, **kwargs)

    monkeypatch.setattr(log_rows, "_write_all", refuse_bodies)
    assert log_rows.write([record(1), record(2, body=b"big", error="told")]) == 0
    row = RequestLog.objects.get(request_id="req_2")
    assert row.error == "[the row was saved without its body: DataError] told"
    assert row.attempt_rows.count() == 2


def test_a_row_that_is_refused_in_every_form_is_counted(monkeypatch):
    """Not even its name can be kept; its neighbours are."""
    real = log_rows._write_all

    def refuse(batch, *args, **kwargs):
        if any(one.request_id == "req_2" for one in batch):
            raise DataError("no")
        return real(batch, *args, **kwargs)

    monkeypatch.setattr(log_rows, "_write_all", refuse)
    assert log_rows.write([record(1), record(2), record(3)]) == 1
    assert set(RequestLog.objects.values_list("request_id", flat=True)) == {"req_1", "req_3"}


def test_attempts_tell_which_key_was_used():
    """The key's number is in the attempt's row; where there is one key at most it is empty."""
    log_rows.write([record()])
    assert list(AttemptLog.objects.order_by("number").values_list("key", flat=True)) == ["key 1 of 2", ""]


def test_a_batch_that_is_written_twice_is_one_batch():
    """A commit whose answer was lost, a file that is read again: rows and attempts are there once."""
    batch = [record(number) for number in range(20)]
    assert log_rows.write(batch) == 0
    assert log_rows.write(batch) == 0
    assert log_rows.write([*batch, record(5, outcome="error")], known=True) == 0
    assert (RequestLog.objects.count(), AttemptLog.objects.count()) == (20, 40)
    assert RequestLog.objects.get(request_id="req_5").outcome == "error"


def test_the_row_of_a_running_request_becomes_its_final_one():
    """First as open with the attempts so far, then with its end, in the same row and counted once."""
    running = record(1, outcome="", status=0, usage=Usage())
    running.attempts[1].outcome = ""
    log_rows.write([unfinished(running)], instance=log_rows.uuid.uuid4(), known=True)
    row = RequestLog.objects.get()
    assert (row.outcome, row.provider, row.actual_model, row.attempts) == ("open", "spare", "glm", 2)
    assert list(row.attempt_rows.values_list("outcome", flat=True)) == ["overloaded", "open"]
    assert running.outcome == "" and running.attempts[1].outcome == ""
    log_rows.write([record(1, time=datetime(2030, 1, 1, tzinfo=UTC))], known=True)
    final = RequestLog.objects.get()
    assert (final.pk, final.outcome, final.output_tokens, final.instance) == (row.pk, "ok", 2, None)
    assert list(final.attempt_rows.values_list("outcome", flat=True)) == ["overloaded", "ok"]


def test_costs_are_kept_to_a_hundredth_of_a_micro_dollar():
    """Of the request and of each attempt; what is unknown stays so."""
    log_rows.write([record(1, cost_usd=Decimal("12.00000125")), record(2)])
    assert list(RequestLog.objects.order_by("pk").values_list("cost_usd", flat=True)) == [Decimal("12.00000125"), None]
    told = AttemptLog.objects.filter(request__request_id="req_1").values_list("cost_usd", flat=True)
    assert list(told) == [None, Decimal("0.00000125")]
