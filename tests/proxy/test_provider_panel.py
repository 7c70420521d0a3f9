"""What the page of a provider shows of its life in the proxy."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from providers.models import Provider
from proxy.models import HealthState, LogicalModel, ModelMapping, RequestLog, RouterSettings, RoutingRule
from proxy.provider_panel import LastDay, last_day, panel_of, uses_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider():
    return Provider.objects.create(name="main", preset="echo")


def request(number, hours=1.0, provider="main", **fields):
    fields = {"outcome": "ok", "duration_ms": 100, **fields}
    time = timezone.now() - timedelta(hours=hours)
    RequestLog.objects.create(time=time, request_id=f"req_{number}", provider=provider, **fields)


def test_what_is_held_against_it_is_listed_longest_first(provider):
    """Model, kind, words, streak and end of each; nothing of other providers."""
    now = timezone.now()
    for name, model, seconds in (("main", "a", 60), ("main", "b", 90), ("main", "c", -5), ("other", "d", 60)):
        HealthState.objects.create(
            provider=name, actual_model=model, kind="rate_limited", words="slow down", streak=2, since=now,
            failed_at=now, until=now + timedelta(seconds=seconds), stamp=1,
        )  # fmt: skip
    lines = panel_of(provider).health
    assert [line.what for line in lines] == ["b", "a", "c"]
    assert (lines[0].tone, lines[0].kind, lines[0].words, lines[0].streak) == ("warn", "rate limited", "slow down", 2)
    HealthState.objects.filter(actual_model="b").update(kind="quota")
    assert panel_of(provider).health[0].tone == "bad"
    assert lines[2].cooling == "over: the next request tries it"


def test_its_health_begins_with_whether_it_can_be_called(provider):
    """What is off or lacks its key is not called healthy; in the order of the list's badge."""
    assert panel_of(provider).summary == "Healthy: nothing of it is cooling."
    provider.preset = "openai"
    assert panel_of(provider).summary == "It needs a key before it can be called."
    provider.enabled = False
    assert panel_of(provider).summary == "Switched off: every mapping skips it."


def test_where_it_is_used(provider):
    """Mappings by logical model, with the routes and rules that point there; what is off is told."""
    smart, spare = (LogicalModel.objects.create(name=name) for name in ("smart", "spare"))
    for model, priority, name, enabled in ((smart, 1, "a", True), (smart, 2, "b", False), (spare, 1, "c", True)):
        ModelMapping.objects.create(
            logical_model=model, priority=priority, provider=provider, actual_model=name, enabled=enabled
        )
    RouterSettings.objects.update_or_create(pk=1, defaults={"default": smart, "websearch": smart})
    RoutingRule.objects.create(name="images", has_image=True, logical_model=smart)
    RoutingRule.objects.create(name="off", has_image=True, logical_model=spare, enabled=False)
    uses = uses_of(provider)
    assert [(use.model, use.priority, use.actual_model, use.works) for use in uses] == [
        ("smart", 1, "a", True), ("smart", 2, "b", False), ("spare", 1, "c", True),
    ]  # fmt: skip
    assert uses[0].routes == ("default route", "web search", "rule images")
    assert uses[2].routes == ()


def test_the_last_day_is_summed(provider):
    """Counts, means and tokens, those of the cache too, of the last 24 hours; running requests are not counted yet."""
    request(1, 30, duration_ms=9000)
    request(2, input_tokens=10, output_tokens=1, first_content_ms=50)
    cached = {"cache_read_tokens": 300, "cache_write_tokens": 4000}
    request(3, input_tokens=20, **cached, output_tokens=2, first_content_ms=61, duration_ms=301)
    request(4, outcome="error", duration_ms=7000)
    request(5, outcome="client_gone")
    request(6, outcome="open", duration_ms=0)
    request(7, provider="other", input_tokens=500)
    assert last_day("main") == LastDay(4, 2, 1, 56, 200, 4330, 3)
    assert last_day("nobody") == LastDay(0, 0, 0, None, None, 0, 0)


def test_a_day_without_requests_reads_no_old_ones(provider):
    """A history that is all older than a day gives nothing."""
    request(1, 30)
    assert last_day("main").total == 0


def test_the_last_day_is_found_by_indexes(provider):
    """Neither query walks the history: the database says that each uses an index."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL scans a table this small whatever indexes it has")
    request(1)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        last_day("main")
    for query in queries:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
            plan = " ".join(str(row[3]) for row in cursor.fetchall())
        assert "USING" in plan and "INDEX" in plan, plan
