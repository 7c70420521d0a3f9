"""The list of a long history: it is never counted, and its pages go on to the end."""

import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from proxy import logbook, presence
from proxy.admin.request_view import shown_cost
from proxy.models import AttemptLog, RequestLog

pytestmark = pytest.mark.django_db
PER_PAGE = 50


def make(count):
    now = datetime.now(UTC)
    RequestLog.objects.bulk_create(
        [
            RequestLog(time=now, request_id=f"req_{number}", inbound_format="anthropic_messages", outcome="ok")
            for number in range(count)
        ],
        batch_size=500,
    )


def listed(client, query=""):
    """The ids on a page, and its text."""
    page = client.get(reverse("admin:proxy_requestlog_changelist") + query)
    assert page.status_code == 200
    return [row.request_id for row in page.context["cl"].result_list], page.content.decode()


def ids(first, last):
    return [f"req_{number}" for number in range(first, last - 1, -1)]


def test_pages_go_on_beyond_ten_thousand_rows(admin_client):
    """Each page leads to the next one, until the last, which leads back only."""
    make(10_120)
    found, text = listed(admin_client)
    assert found == ids(10_119, 10_070)
    assert ("?p=2" in text, "Newer" in text) == (True, False)
    found, text = listed(admin_client, "?p=202")
    assert found == ids(69, 20)
    assert ("?p=203" in text, "?p=201" in text) == (True, True)
    found, text = listed(admin_client, "?p=203")
    assert found == ids(19, 0)
    assert ("?p=204" in text, "?p=202" in text) == (False, True)


@pytest.mark.parametrize(("rows", "more"), [(0, False), (1, False), (PER_PAGE, False), (PER_PAGE + 1, True)])
def test_a_page_leads_on_only_when_there_is_more(admin_client, rows, more):
    """A page that is exactly full is the last one."""
    make(rows)
    found, text = listed(admin_client)
    assert len(found) == min(rows, PER_PAGE)
    assert ("?p=2" in text) is more


@pytest.mark.parametrize("query", ["?p=3", "?p=0", "?p=-1", "?p=1000000000", "?p=9" + "9" * 40])
def test_a_page_that_is_not_there_leads_to_the_first(admin_client, query):
    """A number beyond the end, or no page number at all, is no error of the server and lists no wrong rows."""
    make(PER_PAGE + 10)
    page = admin_client.get(reverse("admin:proxy_requestlog_changelist") + query, follow=True)
    assert [row.request_id for row in page.context["cl"].result_list] == ids(PER_PAGE + 9, 10)


@pytest.mark.parametrize(
    "query", ["", "?p=2", "?outcome__exact=ok", "?since=1h", "?q=req_1", "?provider=main&p=1", "?all=", "?_facets=True"]
)
def test_no_query_counts_the_history_or_reads_it_whole(admin_client, query):
    """Whatever is asked for, each query on the history stops after a page and a row."""
    make(PER_PAGE * 5)
    with CaptureQueriesContext(connection) as captured:
        listed(admin_client, query)
    on_history = [q["sql"] for q in captured if 'FROM "proxy_requestlog"' in q["sql"]]
    assert on_history
    for sql in on_history:
        assert "COUNT(" not in sql
        assert " LIMIT " in sql or '"id" IN (' in sql


def test_no_number_of_results_is_made_up(admin_client):
    """A filtered list says nothing about how many rows there are: nobody has counted them."""
    make(PER_PAGE * 3)
    _, text = listed(admin_client, "?outcome__exact=ok")
    assert "51 result" not in text
    assert "Page 1" in text


def test_open_and_lost_are_told_in_words_and_can_be_filtered(admin_client):
    """A request that runs and one that died are no success, and each has a filter of its own."""
    make(2)
    RequestLog.objects.filter(request_id="req_0").update(outcome="open")
    RequestLog.objects.filter(request_id="req_1").update(outcome="lost")
    assert "still running" in listed(admin_client)[1]
    found, text = listed(admin_client, "?outcome__exact=lost")
    assert found == ["req_1"] and "lost: its process died" in text
    assert listed(admin_client, "?outcome__exact=open")[0] == ["req_0"]
    assert listed(admin_client, "?outcome__exact=ok")[0] == []


def test_the_page_of_a_request_tells_which_key_was_used(admin_client):
    """Each attempt names its key by its number."""
    make(1)
    row = RequestLog.objects.get()
    AttemptLog.objects.create(request=row, number=1, provider="p", actual_model="m", outcome="ok", key="key 2 of 3")
    page = admin_client.get(reverse("admin:proxy_requestlog_change", args=(row.pk,)))
    assert "key 2 of 3" in page.content.decode()


def test_a_request_id_leads_to_its_page(admin_client, client):
    """The live page knows no row's number: the id leads to the page, or to a search while there is no row."""
    make(1)
    row = RequestLog.objects.get()
    listing = reverse("admin:proxy_requestlog_changelist")
    assert admin_client.get(f"{listing}req_0/change/").url == reverse("admin:proxy_requestlog_change", args=(row.pk,))
    assert admin_client.get(f"{listing}req_1/change/").url == f"{listing}?q=req_1"
    assert admin_client.get(f"{listing}req_%00/change/").url == f"{listing}?q=req_%00"
    assert reverse("admin:login") in client.get(f"{listing}req_0/change/").url


def test_gaps_are_told_above_the_list(admin_client, monkeypatch):
    """What waits while the database takes no rows, and what any process had to drop; nothing when all is there."""
    assert "has gaps" not in listed(admin_client)[1]
    presence.beat(uuid.uuid4(), 3, 0)
    presence.beat(uuid.uuid4(), 4, 5)
    assert "no room for 7 rows and for the bodies of 5 more" in listed(admin_client)[1]
    monkeypatch.setattr(logbook.LOGBOOK, "trouble", "OperationalError: sk-canary")
    monkeypatch.setattr(logbook.LOGBOOK, "_waiting", [1, 2])
    text = listed(admin_client)[1]
    assert "cannot be written at the moment: 2 rows wait" in text and "sk-canary" not in text


@pytest.mark.parametrize(
    ("cost", "outcome", "told"),
    [
        (None, "ok", "-"), (Decimal(0), "error", "$0.0000"), (Decimal("0.00001"), "error", "< $0.0001"),
        (Decimal("1.23456"), "ok", "$1.2346"), (Decimal("1.23456"), "interrupted", "≥ $1.2346"),
    ],
)  # fmt: skip
def test_a_cost_is_told_as_exactly_as_it_is_known(cost, outcome, told):
    """What is unknown is no zero, and an answer without an end cost at least what came of it."""
    assert shown_cost(cost, outcome) == told


def test_costs_are_on_the_list_and_the_page(admin_client):
    """Of the request and of each of its calls."""
    row = RequestLog.objects.create(
        time=datetime.now(UTC), request_id="req_1", inbound_format="anthropic_messages", outcome="ok",
        cost_usd=Decimal("1.25"),
    )  # fmt: skip
    row.attempt_rows.create(number=1, provider="p", actual_model="m", outcome="interrupted", cost_usd=Decimal("0.5"))
    assert "$1.2500" in listed(admin_client)[1]
    page = admin_client.get(reverse("admin:proxy_requestlog_change", args=(row.pk,))).content.decode()
    assert "$1.2500" in page and "≥ $0.5000" in page


def test_a_request_that_needed_more_than_one_try_is_told_from_the_others(admin_client):
    """In the dashboard's words and colour; the outcome itself stays what the filter calls it."""
    make(2)
    RequestLog.objects.filter(request_id="req_1").update(attempts=3)
    found, text = listed(admin_client, "?outcome__exact=ok")
    assert found == ["req_1", "req_0"]
    badges = re.findall(r'data-label="Outcome">(.*?)</td>', text, re.DOTALL)
    assert ["failed over" in badge for badge in badges] == [True, False], badges
    for name, badge in (
        ("req_1", '<span class="ccm-badge warn">failed over<'),
        ("req_0", '<span class="ccm-badge ok">ok<'),
    ):
        row = RequestLog.objects.get(request_id=name)
        assert badge in admin_client.get(reverse("admin:proxy_requestlog_change", args=(row.pk,))).content.decode()


def test_a_row_fits_a_laptop_and_a_phone(admin_client, settings):
    """Time and id share a column and so do outcome and status; no cell is called “Select record”."""
    settings.TIME_ZONE = "Europe/Berlin"
    make(1)
    RequestLog.objects.update(outcome="error", status=529, duration_ms=7)
    _, text = listed(admin_client)
    assert "Select record" not in text and 'data-label="Time"' in text
    assert 'title="req_0"' in text and "error 529" in text and "7 ms" in text
    assert "Times in Europe/Berlin" in text
    assert len(admin_client.get(reverse("admin:proxy_requestlog_changelist")).context["cl"].list_display) == 9


def test_a_search_that_finds_nothing_says_what_an_id_is(admin_client):
    """And where else to look; one that finds something says nothing of the kind."""
    make(2)
    assert "found whole and in its own case only" in listed(admin_client, "?q=REQ_1")[1]
    assert "found whole" not in listed(admin_client, "?q=req_1")[1]
    assert "found whole" not in listed(admin_client, "?outcome__exact=error")[1]
