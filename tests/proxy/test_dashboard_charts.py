"""What the dashboard's charts show, and the table that says the same."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from proxy.pages.charts import MOST_PROVIDERS, charts_of, labels_of
from proxy.stats import Latency, Overview, Point, Totals

START = datetime(2026, 5, 1, 22, tzinfo=UTC)


def points(*each):
    return [Point(START + timedelta(hours=number), totals) for number, totals in enumerate(each)]


def seen(*each, providers=None, totals=None):
    return Overview(totals or each[0], points(*each), providers or {}, [])


BUSY = Totals(
    requests=10, ok=6, failed_over=2, failed=1, client_gone=1, input_tokens=10, output_tokens=20, cache_read_tokens=30,
    cache_write_tokens=40, cost_usd=Decimal("1.5"), cost_unknown=2, first_content=Latency(8, 900, 800, 2500),
)  # fmt: skip


def chart(found, name):
    return next(one for one in found.charts if one.id == name)


def test_requests_are_stacked_by_how_they_ended():
    """Each layer has one value for each point, and the layers add up to all requests."""
    requests = chart(charts_of(seen(BUSY, Totals()), "hour"), "requests")
    assert [(one.name, one.values) for one in requests.series] == [
        ("ok", (6, 0)), ("failed over", (2, 0)), ("failed", (1, 0)), ("client left", (1, 0)),
    ]  # fmt: skip
    assert requests.title == "Requests per hour"
    assert requests.summary == "10 in all: 6 ok, 2 failed over, 1 failed, 1 client left."


def test_a_layer_that_never_happened_is_left_out_unless_it_matters():
    """No client left: no such layer; that nothing failed is still told."""
    calm = Totals(requests=6, ok=6)
    assert [one.name for one in chart(charts_of(seen(calm), "day"), "requests").series] == [
        "ok",
        "failed over",
        "failed",
    ]


def test_tokens_are_stacked_by_kind():
    """Cached, written and fresh tokens in, and tokens out."""
    tokens = chart(charts_of(seen(BUSY), "hour"), "tokens")
    assert [one.values for one in tokens.series] == [(30,), (40,), (10,), (20,)]


def test_the_dearest_providers_have_a_colour_of_their_own_and_the_others_share_one():
    """Free providers and requests that reached none are no layer; nothing of the cost is lost."""
    providers = {f"p{number}": points(Totals(cost_usd=Decimal(number)), Totals()) for number in range(9)}
    providers[""] = points(Totals(cost_usd=Decimal(5)), Totals())
    cost = chart(charts_of(seen(BUSY, Totals(), providers=providers), "hour"), "cost")
    assert [one.name for one in cost.series] == ["p8", "p7", "p6", "p5", "p4", "p3", "2 others"]
    assert [one.values[0] for one in cost.series] == [8, 7, 6, 5, 4, 3, 3]
    assert [one.colour for one in cost.series] == [f"chart-{number}" for number in range(1, MOST_PROVIDERS + 2)]
    assert cost.summary == "In all: ≥ $1.50."


def test_times_are_gaps_where_nothing_was_answered():
    """A point without answers has no time, which is not zero."""
    latency = chart(charts_of(seen(BUSY, Totals()), "hour"), "latency")
    assert [one.values for one in latency.series] == [(800, None), (2500, None)]
    assert latency.summary == "Half of the answers began within 800 ms, 95 % within 2.50 s."


def test_the_table_says_what_the_charts_draw():
    """One row for each point, one cell for each column, costs by provider included."""
    providers = {"main": points(Totals(cost_usd=Decimal("1.5")), Totals())}
    table = charts_of(seen(BUSY, Totals(), providers=providers), "hour").table
    assert table.columns[-3:] == ("main $", "First content p50", "p95")
    assert table.rows[0] == ("22:00", "6", "2", "1", "1", "80", "30", "20", "≥ $1.50", "1.5000", "800 ms", "2.50 s")
    assert table.rows[1][-2:] == ("–", "–")
    assert {len(row) for row in table.rows} == {len(table.columns)}


def test_labels_say_as_much_as_the_span_needs():
    """The hour of one day, day and hour of several, the day alone."""
    starts = [START + timedelta(hours=number) for number in range(30)]
    assert labels_of(starts[:24], "hour")[:3] == ("22:00", "23:00", "00:00")
    assert labels_of(starts, "hour")[2] == "02 May 00:00"
    assert labels_of(starts[:1], "day") == ("01 May",)


def test_the_script_gets_plain_data():
    """Labels, and each chart with its series."""
    data = charts_of(seen(BUSY), "hour").data()
    assert data["labels"] == ("22:00",)
    assert data["charts"][0]["series"][0] == {"name": "ok", "colour": "chart-ok", "values": (6,)}
