"""What client keys were used for: each request counts once, in one query for all keys."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command

from proxy import key_use, log_rows, rollup
from proxy.models import ClientKeyHour
from proxy.record import OPEN, RequestRecord

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = datetime(2026, 5, 1, 10, tzinfo=UTC)


def record(number, minutes=0, key="laptop", cost="0.5", **fields):
    fields = {"outcome": "ok", "first_content_ms": 5, **fields}
    return RequestRecord(
        f"req_{number}", "anthropic_messages", fields.pop("operation", "messages"), client_key=key,
        time=HOUR + timedelta(minutes=minutes), cost_usd=None if cost is None else Decimal(cost), **fields,
    )  # fmt: skip


def test_requests_cost_and_the_last_time_are_kept_by_key(django_assert_num_queries):
    """Counts of tokens and requests without a key are not in it; what has no price is told apart."""
    log_rows.write([record(1), record(2, 70), record(3, 90, cost=None), record(4, key=""), record(5, key="other")])
    log_rows.write([record(6, 200, operation="count_tokens")])
    with django_assert_num_queries(1):
        found = key_use.of(["laptop", "other", "unused"], HOUR)
    assert found["laptop"] == key_use.KeyUse(3, Decimal("1.0"), 1, HOUR + timedelta(minutes=90))
    assert found["other"].requests == 1
    assert "unused" not in found
    assert key_use.of(["laptop"], HOUR + timedelta(minutes=65))["laptop"].requests == 2
    assert key_use.last_of(["laptop", "unused"]) == {"laptop": HOUR + timedelta(minutes=90)}


def test_a_row_that_is_written_again_counts_once():
    """A request that was open, is finished, and is written a second time is one request at its last price."""
    log_rows.write([record(1, outcome=OPEN)])
    assert key_use.of(["laptop"], HOUR) == {}
    for cost in ("0.5", "0.75", "0.75"):
        log_rows.write([record(1, cost=cost)], known=True)
    assert key_use.of(["laptop"], HOUR)["laptop"] == key_use.KeyUse(1, Decimal("0.75"), 0, HOUR)


def test_a_rebuild_finds_the_same():
    """The rows add up to what was kept while they were written."""
    log_rows.write([record(number, number * 20) for number in range(9)])
    kept = list(ClientKeyHour.objects.order_by("hour").values_list("hour", "requests", "cost_nanos", "last_at"))
    ClientKeyHour.objects.all().delete()
    rollup.rebuild()
    assert list(ClientKeyHour.objects.order_by("hour").values_list("hour", "requests", "cost_nanos", "last_at")) == kept


def test_old_hours_are_pruned_with_the_sums():
    """They go when the hourly sums of the same age go, and are counted with them."""
    log_rows.write([record(1)])
    ClientKeyHour.objects.update(hour=HOUR - timedelta(days=5_000))
    call_command("prunelogs", "--dry-run", verbosity=0)
    assert ClientKeyHour.objects.exists()
    call_command("prunelogs", verbosity=0)
    assert not ClientKeyHour.objects.exists()
