"""The hourly roll-up is at every moment what the history adds up to, on whatever database the tests run on."""

import threading
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DataError, Error, connection
from django.db.models import Sum

from providers.wire.messages import Usage
from proxy import log_rows, presence, rollup
from proxy.models import HourlyRollup, RequestLog
from proxy.models.rollup import COLUMNS, DURATION, FIRST_CONTENT, KEY
from proxy.record import AttemptRecord, RequestRecord, unfinished

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = datetime(2026, 5, 1, 10, tzinfo=UTC)
GONE = uuid.uuid4()


def record(number=1, minutes=5, attempts=1, **fields):
    calls = [AttemptRecord(n + 1, "main", "glm", "ok") for n in range(attempts)]
    fields = {
        "outcome": "ok", "status": 200, "usage": Usage(1, 2, 3, 4), "provider": "main", "actual_model": "glm",
        "logical_model": "smart", "route": "default", "first_content_ms": 100, "duration_ms": 1000,
        "cost_usd": Decimal("0.00000125"), **fields,
    }  # fmt: skip
    time = HOUR + timedelta(minutes=minutes)
    return RequestRecord(f"req_{number}", "anthropic_messages", "messages", time=time, attempts=calls, **fields)


def state():
    """The whole table, without what is nothing."""
    rows = HourlyRollup.objects.filter(requests__gt=0).order_by(*KEY)
    return list(rows.values_list(*KEY, *COLUMNS))


def told(*columns):
    return HourlyRollup.objects.aggregate(**{name: Sum(name) for name in columns})


def consistent():
    """What is in the table is what a count of the rows finds."""
    kept = state()
    rollup.rebuild()
    return state() == kept


def test_a_request_counts_in_its_hour_under_its_names():
    """Tokens, cost, times and further calls are added up; another hour or name is another row."""
    log_rows.write([record(1), record(2, cost_usd=None), record(3, attempts=3), record(4, minutes=65)])
    row = HourlyRollup.objects.get(hour=HOUR, outcome="ok")
    assert (row.requests, row.input_tokens, row.output_tokens, row.cache_read_tokens) == (2, 2, 4, 6)
    assert (row.cache_write_tokens, row.cost_nanos, row.cost_unknown, row.failovers) == (8, 1250, 1, 0)
    assert (row.first_content_ms, row.duration_ms) == (200, 2000)
    assert sum(getattr(row, name) for name in FIRST_CONTENT) == sum(getattr(row, name) for name in DURATION) == 2
    assert HourlyRollup.objects.get(outcome="failed_over").failovers == 2
    assert HourlyRollup.objects.get(hour=HOUR + timedelta(hours=1)).requests == 1


@pytest.mark.parametrize(
    ("outcome", "attempts", "expected"),
    [
        ("ok", 0, "ok"), ("ok", 1, "ok"), ("ok", 2, "failed_over"), ("error", 2, "failed"), ("error", 0, "failed"),
        ("interrupted", 1, "failed"), ("lost", 1, "failed"), ("client_gone", 2, "client_gone"),
    ],
)  # fmt: skip
def test_how_requests_end(outcome, attempts, expected):
    """Four classes."""
    assert rollup.outcome_class(outcome, attempts) == expected


def test_what_has_no_cost_is_not_unknown():
    """A refused request was never billed; an answer without a price was, and so was one that nobody counted."""
    nothing = {"usage": Usage(), "cost_usd": None, "first_content_ms": None, "outcome": "error"}
    log_rows.write([record(1, **nothing), record(2, cost_usd=None), record(3, usage=Usage(), cost_usd=None)])
    assert told("requests", "cost_unknown") == {"requests": 3, "cost_unknown": 2}


def test_token_counts_are_left_out():
    """They would dilute the times, and cost nothing."""
    count = record(1)
    count.operation = "count_tokens"
    log_rows.write([count])
    assert state() == []


def test_a_batch_that_is_written_again_counts_once():
    """A commit whose answer was lost, a spilled file read twice: by known and unknown, in part and whole."""
    batch = [record(number, minutes=number % 120) for number in range(1, 40)]
    log_rows.write(batch)
    once = state()
    log_rows.write(batch)
    log_rows.write(batch[:7], known=True)
    assert state() == once and told("requests") == {"requests": 39}


def test_a_running_request_counts_when_it_ends():
    """As open for nothing; then once, whatever changed in between."""
    running = record(1, outcome="", first_content_ms=None)
    log_rows.write([unfinished(running)], GONE, known=True)
    assert state() == []
    log_rows.write([record(1)], known=True)
    assert told("requests", "input_tokens") == {"requests": 1, "input_tokens": 1}
    assert consistent()


def test_a_lost_request_has_failed_until_its_end_comes_after_all():
    """Marked lost it counts as failed; a late end takes that back."""
    log_rows.write([unfinished(record(1, outcome="", attempts=1))], GONE, known=True)
    assert presence.sweep() == 1
    assert HourlyRollup.objects.get().outcome == "failed"
    assert presence.sweep() == 0 and consistent()
    log_rows.write([record(1)], known=True)
    assert [(row[5], row[6]) for row in state()] == [("ok", 1)]
    assert consistent()


def test_a_replaced_row_moves_to_its_new_names():
    """What it counted for under the old ones is taken back to the last token."""
    log_rows.write([record(1), record(2)])
    log_rows.write([record(1, provider="spare", usage=Usage(70), minutes=90)], known=True)
    assert told("requests", "input_tokens") == {"requests": 2, "input_tokens": 71}
    assert HourlyRollup.objects.get(provider="spare").hour == HOUR + timedelta(hours=1)
    assert consistent()


def test_a_refused_row_counts_for_what_was_saved_of_it(monkeypatch):
    """And the roll-up goes back with a batch that is refused."""
    bad = record(2)
    bad.outcome, bad.why = "ok", None
    assert log_rows.write([record(1), bad, record(3)]) == 0
    assert told("requests") == {"requests": 3}
    assert consistent()
    monkeypatch.setattr(rollup.Tally, "save", lambda _self: (_ for _ in ()).throw(DataError("no")))
    assert log_rows.write([record(4)]) == 1
    assert RequestLog.objects.filter(request_id="req_4").count() == 0


def test_absurd_numbers_do_not_spoil_the_sums():
    """A vendor that tells of more tokens than there are is believed up to a limit."""
    log_rows.write([record(n, usage=Usage(2**63, 2**63, 0, 0), duration_ms=2**40) for n in range(20)])
    assert told("input_tokens") == {"input_tokens": 20 * rollup.MAX_TOKENS}
    assert consistent()


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer: needs PostgreSQL, `make services`"
)
def test_processes_that_write_at_the_same_time_lose_nothing():
    """New rows, the same rows twice and a sweep, all at once, still add up to the rows."""
    log_rows.write([unfinished(record(n, outcome="")) for n in range(40)], GONE, known=True)
    errors = []

    def writer(start):
        try:
            for lap in range(5):
                log_rows.write([record(1000 * start + 10 * lap + n, minutes=(7 * n) % 120) for n in range(10)])
                log_rows.write([record(n, attempts=start) for n in range(40)], known=True)
        except Error as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=writer, args=(start,)) for start in (1, 2, 3)]
    for thread in threads:
        thread.start()
    presence.sweep()
    for thread in threads:
        thread.join()
    assert errors == []
    assert told("requests") == {"requests": 40 + 3 * 5 * 10} and consistent()


class TestRebuild:
    def test_it_counts_a_history_that_nobody_counted(self):
        """All hours anew, wrong ones too; and a second time the same."""
        log_rows.write([record(number, minutes=10 * number) for number in range(30)])
        right = state()
        HourlyRollup.objects.filter(hour=HOUR).delete()
        HourlyRollup.objects.update(requests=77)
        assert rollup.rebuild(dry_run=True) == 5
        assert state() != right
        assert rollup.rebuild() == 5
        assert state() == right and consistent()

    def test_hours_that_were_pruned_keep_their_sums(self):
        """Hours without rows are not touched, nor is the first one when it lost some."""
        log_rows.write([record(number, minutes=10 * number) for number in range(30)])
        right = state()
        RequestLog.objects.filter(time__lt=HOUR + timedelta(minutes=90)).delete()
        rollup.rebuild()
        assert state() == right

    def test_an_empty_history_is_nothing_to_count(self):
        """Neither hours nor an error."""
        assert rollup.rebuild() == 0
