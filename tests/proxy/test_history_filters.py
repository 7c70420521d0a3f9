"""The filters of the history: each keeps what it names; what it cannot read it leaves out; no address is a crash."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from proxy.admin.history_filters import FILTERS, moment_of, number_of
from proxy.models import RequestLog

pytestmark = pytest.mark.django_db
START = datetime(2026, 5, 1, 12, tzinfo=UTC)
TABLES = (
    "providers_provider", "proxy_logicalmodel", "proxy_routingrule", "proxy_clientkey", "proxy_requestlog",
    "proxy_healthstate", "proxy_drill", "auth_user", "auth_group",
)  # fmt: skip


@pytest.fixture
def two(db):
    """A plain request of the first day, and one of the next day that differs from it in everything."""
    common = {"inbound_format": "anthropic_messages", "session_id": "s-1"}
    RequestLog.objects.create(
        time=START, request_id="plain", outcome="ok", status=200, attempts=1, provider="a", logical_model="m",
        route="default", client_key="", duration_ms=900, cost_usd=Decimal("0.001"), **common,
    )  # fmt: skip
    RequestLog.objects.create(
        time=START + timedelta(days=1), request_id="odd", outcome="error", status=529, attempts=3, provider="b",
        logical_model="n", route="think", client_key="laptop", duration_ms=61_000, cost_usd=Decimal("1.5"), **common,
    )  # fmt: skip


def found(client, query):
    page = client.get(reverse("admin:proxy_requestlog_changelist") + query)
    assert page.status_code == 200, query
    return [row.request_id for row in page.context["cl"].result_list]


@pytest.mark.parametrize(
    "query",
    [
        "outcome__exact=error", "failed_over=yes", "status=529", "provider=b", "logical_model=n", "route=think",
        "client_key=laptop", "slower=61", "slower=0.901", "cost=1.5", "cost=0.0010001", "from=2026-05-02T12:00",
        "from=2026-05-01T12:01&to=2026-05-03T00:00", "q=odd", "q=s-1&status=529", "q=%20odd%20",
    ],
)  # fmt: skip
def test_each_filter_keeps_what_it_names(admin_client, two, query):
    """One filter alone, thresholds at their value, and filters together with a search."""
    assert found(admin_client, f"?{query}") == ["odd"]


@pytest.mark.parametrize(
    "query",
    [
        "slower=abc", "slower=-1", "slower=NaN", "slower=1e99", "cost=", "cost=1,5", "from=yesterday", "to=9999-99-99",
        "from=0001-01-01T00:00", "status=20", "status=٤٢٩", "failed_over=no", "since=", "route=",
    ],
)  # fmt: skip
def test_a_value_that_is_none_filters_nothing(admin_client, two, query):
    """What cannot be read is as if it were empty."""
    assert found(admin_client, f"?{query}") == ["odd", "plain"]


def test_the_end_of_a_range_is_not_in_it(admin_client, two):
    """From is in, to is not: ranges that follow each other show each request once."""
    assert found(admin_client, "?from=2026-05-01T12:00&to=2026-05-02T12:00") == ["plain"]


def test_a_range_is_told_in_the_server_s_time_zone(admin_client, two, settings):
    """Half past one in Berlin is before noon in UTC."""
    settings.TIME_ZONE = "Europe/Berlin"
    assert found(admin_client, "?from=2026-05-02T13:30") == ["odd"]
    assert found(admin_client, "?from=2026-05-02T14:30") == []


def test_the_form_keeps_what_was_chosen(admin_client, two):
    """A name that is configured no more stays chosen, and the search goes along."""
    text = admin_client.get(
        reverse("admin:proxy_requestlog_changelist") + "?provider=gone&q=x&slower=2"
    ).content.decode()
    assert '<option value="gone" selected>gone</option>' in text
    assert '<input type="hidden" name="q" value="x">' in text
    assert 'name="slower" value="2"' in text
    assert "export.csv?provider=gone&amp;q=x&amp;slower=2" in text


ODD = (
    [
        "p=1180591620717411303424", "p=-5", "p=abc", "p=%00", "q=%00", "q=" + "a+" * 1500, "o=" + "9" * 5000,
        "o=" + ".".join(["1"] * 500), "o=-1.3.99", "o=%00", "all=1", "_facets=True", "_popup=1", "_to_field=id",
        "id__in=1", "pk=1", "nothing=1", "error__contains=x", "request_id__regex=(", "status=99999999999999999999",
    ]
    + [f"{one.parameter_name}={value}" for one in FILTERS for value in ("%00", "9" * 400, "%F0%9F%98%80", "'--")]
)  # fmt: skip


def test_odd_addresses_are_answered(admin_client, two):
    """Huge pages and columns, a NUL, lookups nobody offers: a list or a refusal, never an error of the server."""
    for query in ODD:
        for name in ("changelist", "export_csv"):
            status = admin_client.get(reverse(f"admin:proxy_requestlog_{name}") + f"?{query}").status_code
            assert status in (200, 302, 400), (query, name, status)


@pytest.mark.parametrize("table", TABLES)
def test_odd_addresses_of_every_list_are_answered(admin_client, two, table):
    """The other tables' lists stand the same."""
    for query in (
        "p=1180591620717411303424", "p=%00", "q=%00", "q=" + "a+" * 300, "o=" + "9" * 5000, "o=1.2.99.-4", "all=",
    ):  # fmt: skip
        status = admin_client.get(reverse(f"admin:{table}_changelist") + f"?{query}").status_code
        assert status in (200, 302, 400), (query, status)


@pytest.mark.parametrize("number", ["0", "99999999999999999999999", "abc", "1/../2"])
def test_an_odd_row_is_answered(admin_client, two, number):
    """A row that cannot be there leads back, and its text is not found."""
    page = reverse("admin:proxy_requestlog_changelist")
    assert admin_client.get(f"{page}{number}/change/").status_code in (302, 404)
    assert admin_client.get(f"{page}{number}/body.txt").status_code in (302, 404)


def test_no_other_column_can_be_asked_for(admin_client, two):
    """A lookup that no index serves is refused, not looked for in every row."""
    page = reverse("admin:proxy_requestlog_changelist")
    assert admin_client.get(f"{page}?error__contains=x").status_code == 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.5", Decimal("1.5")), ("0", Decimal(0)), ("1e3", Decimal(1000)), ("-0.1", None), ("", None)],
)
def test_numbers_are_read_as_typed(text, expected):
    """Decimals and exponents; nothing below nought."""
    assert number_of(text, 10**6) == expected


def test_moments_may_name_their_zone():
    """A link can hold a moment with its offset; a bare one is the server's."""
    assert moment_of("2026-05-01T14:00:00+02:00") == START
    assert moment_of("2026-05-01T12:00") == START
    assert moment_of("1900-01-01T00:00") is None
