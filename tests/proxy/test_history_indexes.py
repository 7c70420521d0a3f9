"""Every filter of the history is served by an index, on both databases."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import RequestFactory

from proxy.models import RequestLog

pytestmark = pytest.mark.django_db
ROWS = 300
EVERY_FILTER = [
    ("", "time"),
    ("o=1", "time"),
    ("since=1h", "time"),
    ("from=2026-01-01T00:00&to=2026-01-02T00:00", "time"),
    ("outcome__exact=error", "outcome"),
    ("failed_over=yes", "failed_over"),
    ("status=429", "status"),
    ("provider=rare", "provider"),
    ("logical_model=rare", "model"),
    ("route=think", "route"),
    ("client_key=rare", "key"),
    ("slower=60", "time"),
    ("cost=1.5", "time"),
]
WITH_TIME = [
    (f"{query}&from=2026-01-01T00:00&to=2026-01-02T00:00", index)
    for query, index in EVERY_FILTER
    if index not in ("time", "failed_over")
]


@pytest.fixture
def rows(db):
    now = datetime.now(UTC)
    RequestLog.objects.bulk_create(
        [
            RequestLog(
                time=now - timedelta(minutes=n), request_id=f"req_{n}", session_id=f"s{n // 50}", outcome="ok",
                inbound_format="anthropic_messages", status=200, provider=f"p{n % 3}", logical_model=f"m{n % 3}",
                route="default", client_key=f"k{n % 5}", attempts=1, duration_ms=n % 9000, cost_usd=n / 10**6,
            )
            for n in range(ROWS)
        ],
        batch_size=1000,
    )  # fmt: skip
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE proxy_requestlog")
            # So few rows are read faster from the start than by an index: the question is whether one serves at all.
            cursor.execute("SET LOCAL enable_seqscan = off")


def rows_of(query):
    """The list's rows, as the page filters and sorts them."""
    request = RequestFactory().get(f"/admin/proxy/requestlog/?{query}")
    request.user = User(is_superuser=True, is_active=True, is_staff=True)
    return admin.site.get_model_admin(RequestLog).get_changelist_instance(request).queryset


def plan_of(rows):
    return rows.explain()


@pytest.mark.parametrize(("query", "index"), EVERY_FILTER + WITH_TIME)
def test_each_filter_has_its_index(rows, query, index):
    """Newest first with one filter, alone and within a range of time: by its index, which on SQLite is the order."""
    keys = rows_of(query).values_list("pk")[100:151]
    plan = plan_of(keys)
    assert re.search(rf"\brequestlog_{index}\b", plan), plan
    if connection.vendor == "sqlite":
        assert "COVERING INDEX" in plan, plan
        assert "FOR ORDER BY" not in plan, plan
        assert f"SCAN {RequestLog._meta.db_table} USING" not in plan or index in ("time", "failed_over"), plan


@pytest.mark.parametrize("term", ["req_7", "s7", "nothing"])
def test_a_search_reads_only_what_it_finds(rows, term):
    """A request id or a session id is found by its index."""
    plan = plan_of(rows_of(f"q={term}").values_list("pk")[:51])
    assert "session" in plan and "request_id" in plan, plan
    assert not re.search(r"\bSCAN\b|Seq Scan|requestlog_time", plan), plan
