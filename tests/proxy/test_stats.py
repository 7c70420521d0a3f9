"""Statistics from the hourly roll-up."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from providers.wire.messages import Usage
from proxy import log_rows, stats
from proxy.record import AttemptRecord, RequestRecord
from proxy.stats import Latency, Totals

pytestmark = pytest.mark.django_db
START = datetime(2026, 5, 1, 22, 30, tzinfo=UTC)
END = START + timedelta(hours=5)


def write(*specs):
    """Requests, each told as (minutes after the start, other fields)."""
    records = []
    for number, (minutes, fields) in enumerate(specs):
        calls = [AttemptRecord(1, "p", "m", "ok")] * fields.pop("calls", 1)
        fields = {
            "outcome": "ok", "provider": "main", "actual_model": "glm", "logical_model": "smart", "route": "default",
            "usage": Usage(1, 2, 3, 4), "first_content_ms": 100, "duration_ms": 1000, "cost_usd": Decimal("0.5"),
            **fields,
        }  # fmt: skip
        time = START + timedelta(minutes=minutes)
        records.append(
            RequestRecord(f"req_{number}", "anthropic_messages", "messages", time=time, attempts=calls, **fields)
        )
    log_rows.write(records)


def test_totals_add_everything_up():
    """Requests by how they ended, tokens, cost with what is unknown of it, and the times of what was answered."""
    write(
        (0, {}), (70, {"calls": 3}), (80, {"outcome": "error", "duration_ms": 3_000_000, "first_content_ms": None}),
        (90, {"outcome": "client_gone"}), (100, {"outcome": "interrupted", "cost_usd": None}), (400, {}),
    )  # fmt: skip
    found = stats.totals(START, END)
    assert (found.requests, found.ok, found.failed_over, found.failed, found.client_gone) == (5, 1, 1, 2, 1)
    assert (found.input_tokens, found.output_tokens, found.cache_read_tokens, found.cache_write_tokens) == (
        5,
        10,
        15,
        20,
    )
    assert (found.cost_usd, found.cost_unknown, found.failovers) == (Decimal("2.0"), 1, 2)
    assert (found.duration.count, found.duration.mean_ms) == (2, 1000)
    assert 700 < found.duration.p50_ms <= found.duration.p95_ms < 1450
    assert 90 < found.first_content.p50_ms < 130


def test_nothing_is_all_zero():
    """No requests: no sums, no times, and no error."""
    assert stats.totals(START) == Totals()
    assert stats.totals(START).duration == Latency(0, None, None, None)
    assert stats.grouped("provider", START) == []
    assert stats.grouped_series("provider", START, END) == {}


def test_the_first_hour_counts_whole_and_the_end_is_open():
    """Whole hours: those that begin before the end, from the one that the start falls into."""
    write((-20, {}), (-40, {}), (29, {}), (30, {}))
    assert stats.totals(START, START + timedelta(minutes=30)).requests == 2
    assert stats.totals(START, START + timedelta(minutes=31)).requests == 3


def test_names_narrow_and_unknown_ones_are_refused():
    """Any of the dimensions, together; another word is a mistake of the caller's."""
    write((0, {}), (1, {"provider": "spare"}), (2, {"provider": "spare", "route": "think"}))
    assert stats.totals(START, END, {"provider": "spare"}).requests == 2
    assert stats.totals(START, END, {"provider": "spare", "route": "think"}).requests == 1
    assert stats.totals(START, END, {"provider": "nobody"}) == Totals()
    with pytest.raises(ValueError, match="not by client"):
        stats.totals(START, END, {"client": "x"})


def test_a_series_has_every_hour():
    """Empty ones too, in order; percentiles only when asked for."""
    write((0, {}), (1, {}), (180, {"cost_usd": Decimal("0.25")}))
    points = stats.series(START, END)
    assert [point.start.hour for point in points] == [22, 23, 0, 1, 2, 3]
    assert [point.totals.requests for point in points] == [2, 0, 0, 1, 0, 0]
    assert (points[3].totals.cost_usd, points[0].totals.duration) == (Decimal("0.25"), Latency())
    assert stats.series(START, END, latency=True)[0].totals.duration.count == 2


@pytest.mark.parametrize(("zone", "expected"), [("UTC", [2, 1]), ("Asia/Tokyo", [3]), ("America/New_York", [3])])
def test_days_are_those_of_the_time_zone(zone, expected):
    """An hour belongs to the day that it has where the reader is."""
    write((0, {}), (60, {}), (180, {}))
    with timezone.override(zone):
        points = stats.series(START, END, step="day", latency=True)
        assert {(point.start.hour, point.start.minute) for point in points} == {(0, 0)}
    assert [point.totals.requests for point in points] == expected
    assert sum(point.totals.duration.count for point in points) == 3


def test_a_day_is_one_even_when_the_clocks_change():
    """The day that has 25 hours is one point, and so is the one of 23."""
    with timezone.override("Europe/Berlin"):
        for month, day, hours in ((10, 25, 25), (3, 29, 23)):
            midnight = datetime(2026, month, day, tzinfo=timezone.get_current_timezone())
            end = midnight.astimezone(UTC) + timedelta(hours=hours)
            assert [point.start.day for point in stats.series(midnight, end, step="day")] == [day]


def test_groups_come_by_size():
    """By any dimension, each with its own totals and percentiles."""
    write(
        (0, {"provider": "a"}),
        (1, {"provider": "b"}),
        (99, {"provider": "b", "duration_ms": 9000}),
        (2, {"provider": ""}),
    )
    groups = stats.grouped("provider", START, END)
    assert [(group.name, group.totals.requests) for group in groups] == [("b", 2), ("", 1), ("a", 1)]
    assert groups[0].totals.duration.p95_ms > 5000 > groups[2].totals.duration.p95_ms
    for by in ("logical_model", "actual_model", "route"):
        assert [group.totals.requests for group in stats.grouped(by, START, END)] == [4]


def test_a_series_for_each_name():
    """All of one length, so that they can be stacked; days are the sums of their hours."""
    write((0, {"provider": "a"}), (1, {"provider": "b"}), (180, {"provider": "b"}))
    found = stats.grouped_series("provider", START, END)
    assert {name: [point.totals.requests for point in points] for name, points in found.items()} == {
        "a": [1, 0, 0, 0, 0, 0], "b": [1, 0, 0, 1, 0, 0],
    }  # fmt: skip
    days = stats.grouped_series("provider", START, END, step="day")
    assert [point.totals.requests for point in days["b"]] == [1, 1]


def test_each_is_one_query(django_assert_num_queries):
    """However long the span."""
    write(*((60 * number, {"provider": f"p{number}"}) for number in range(5)))
    for ask in (
        lambda: stats.totals(START, END), lambda: stats.series(START, END, latency=True),
        lambda: stats.grouped("provider", START, END), lambda: stats.grouped_series("provider", START, END),
    ):  # fmt: skip
        with django_assert_num_queries(1):
            ask()
