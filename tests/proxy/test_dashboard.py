"""The dashboard: what it shows, to whom, and from which queries."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ccmsite.roles import VIEWER
from providers.models import Provider
from proxy import log_rows
from proxy.attention import Attention
from proxy.logbook import LOGBOOK
from proxy.models import Instance, LogicalModel, ModelMapping, RequestLog, RouterSettings
from proxy.pages import dashboard as page
from proxy.record import AttemptRecord, RequestRecord
from proxy.stats import Group as Sums
from proxy.stats import Latency, Overview, Totals
from tests import demo_traffic

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, 15, 20, tzinfo=UTC)
DAY, WEEK, MONTH = page.SPANS
BUSY = Totals(
    requests=1000, ok=900, failed_over=30, failed=60, client_gone=10, input_tokens=1000, output_tokens=2000,
    cache_read_tokens=9000, cost_usd=Decimal("12.5"), cost_unknown=4, first_content=Latency(930, 900, 800, 2500),
)  # fmt: skip


@pytest.fixture
def traffic(db):
    demo_traffic.configure()
    demo_traffic.live_through(timezone.now(), days=2, per_hour=20)
    demo_traffic.fall_ill(timezone.now())


def write(number, outcome, **fields):
    fields = {"provider": "main", "actual_model": "m", "requested_model": "smart", "time": NOW, **fields}
    record = RequestRecord(f"req_{number}", "anthropic_messages", "messages", outcome=outcome, **fields)
    log_rows.write([record], known=True)


def cards(of=BUSY, worries=(), running=0, processes=1, span=DAY):
    return {card.title: card for card in page.cards(span, of, worries, running, processes)}


@pytest.mark.parametrize(
    ("span", "points", "zone", "since"),
    [
        (DAY, 24, "UTC", datetime(2026, 5, 5, 16, tzinfo=UTC)),
        (WEEK, 168, "UTC", datetime(2026, 4, 29, 16, tzinfo=UTC)),
        (MONTH, 30, "UTC", datetime(2026, 4, 7, tzinfo=UTC)),
        (MONTH, 30, "America/New_York", datetime(2026, 4, 7, 4, tzinfo=UTC)),
        (DAY, 24, "Asia/Kolkata", datetime(2026, 5, 5, 16, tzinfo=UTC)),
    ],
)
def test_a_span_ends_with_the_hour_or_day_that_runs(span, points, zone, since):
    """So many points, the first of them whole, by the days of the time zone."""
    with timezone.override(zone):
        assert span.since(NOW) == since
        assert len(page.stats.series(span.since(NOW), NOW, step=span.step)) == points == span.points


def test_cards_tell_the_figures_and_what_they_are_made_of():
    """Each figure with its parts."""
    told = {title: (card.value, card.detail) for title, card in cards().items()}
    assert told == {
        "Requests": ("1,000", "30 failed over (3.0 %)"),
        "Error rate": ("6.0 %", "60 failed, 10 left by the client"),
        "Median time to first content": ("800 ms", "95 % within 2.50 s"),
        "Tokens in / out": ("10.0 k / 2,000", "in: cache included"),
        "Read from the cache": ("90.0 %", "9,000 of the tokens in"),
        "Cost": ("≥ $12.50", "4 without a price"),
        "Active streams": ("0", "at this moment"),
        "Credentials": ("fine", "none needs attention"),
    }


def test_cards_of_nothing_show_dashes_not_zero():
    """No requests: no rate, no time and no cost are known."""
    found = cards(Totals())
    assert [found[title].value for title in ("Error rate", "Median time to first content", "Cost")] == ["–"] * 3
    assert found["Error rate"].tone == ""


def test_cards_are_red_where_somebody_has_to_act():
    """More failures than one in twenty, and credentials with a problem; the first of them is named and linked."""
    assert cards()["Error rate"].tone == "bad"
    assert cards(Totals(requests=20, ok=19, failed=1))["Error rate"].tone == ""
    card = cards(
        worries=(
            Attention("no_key", 7, "main", "no API key is set", "Add one."),
            Attention("quota", 8, "b", "c", "d"),
        )
    )["Credentials"]
    assert (card.value, card.detail, card.url, card.tone) == (
        "2 to see to", "main: no API key is set", "/admin/providers/provider/7/change/", "bad",
    )  # fmt: skip


def test_streams_of_other_processes_are_told_with_their_limit():
    """What one process can know of others is said."""
    assert cards(running=7, processes=3)["Active streams"].detail == "3 processes; of others, those over 5 s"


def test_streams_are_this_processes_own_and_the_open_rows_of_others(monkeypatch):
    """Own ones from memory, others' from their rows, and none of a process that is dead."""
    alive, dead = Instance(id="11111111-1111-1111-1111-111111111111"), Instance(id="2" * 32)
    for process, seen in ((alive, timezone.now()), (dead, timezone.now() - timedelta(hours=1))):
        process.seen = seen
        process.save()
    Instance.objects.create(pk=LOGBOOK.instance, seen=timezone.now())
    for number, (instance, stream) in enumerate(
        ((alive.pk, True), (alive.pk, False), (dead.pk, True), (LOGBOOK.instance, True))
    ):
        RequestLog.objects.create(
            time=NOW, request_id=f"r{number}", outcome="open", stream=stream, instance=instance
        )  # fmt: skip
    own = [RequestRecord(f"o{n}", "anthropic_messages", "messages", stream=n > 0) for n in range(3)]
    monkeypatch.setattr(LOGBOOK, "_running", {record.request_id: (0.0, record) for record in own})
    assert page.streams() == (3, 2)


def test_top_models_are_those_with_most_requests_and_the_dearest():
    """A model that is asked rarely but costs most is among them; requests that reached none are not."""
    groups = [Sums(f"m{number}", Totals(requests=100 - number)) for number in range(20)]
    groups += [Sums("", Totals(requests=7)), Sums("dear", Totals(requests=5, failed=1, cost_usd=Decimal(50)))]
    groups += [Sums("cheap", Totals(requests=4, cost_usd=Decimal(25)))]
    found = page.top_models(Overview(Totals(), [], {}, groups))
    assert [model.name for model in found] == ["m0", "m1", "m2", "m3", "m4", "m5", "dear", "cheap"]
    assert (found[0].requests_percent, found[0].cost_percent) == (100, 0)
    assert (found[6].requests, found[6].failed, found[6].cost, found[6].cost_percent) == ("5", "20.0 %", "$50.00", 100)
    assert found[7].cost_percent == 50
    assert page.top_models(Overview(Totals(), [], {}, [])) == ()


def test_last_errors_are_the_ten_newest_of_all_that_failed():
    """Failed, interrupted and lost ones, linked; what was answered, runs or was left by its client is none."""
    for number, outcome in enumerate(("error", "ok", "interrupted", "client_gone", "lost", "open")):
        write(number, outcome, error="it broke", status=529)
    found = page.last_errors()
    assert [error.outcome for error in found] == ["lost: its process died", "interrupted", "error"]
    row = RequestLog.objects.get(outcome="error")
    assert (found[-1].url, found[-1].status, found[-1].model, found[-1].where, found[-1].text) == (
        f"/admin/proxy/requestlog/{row.pk}/change/", 529, "smart", "main/m", "it broke",
    )  # fmt: skip
    for number in range(10, 25):
        write(number, "error", provider="", requested_model="")
    found = page.last_errors()
    assert len(found) == 10
    assert (found[0].model, found[0].where) == ("–", "–")


@pytest.mark.parametrize("name", ["", "24h", "7d", "30d", "1y", "\0"])
def test_the_page_shows_each_range(admin_client, traffic, name):
    """The chosen range is marked; an unknown one is the first; everything is there."""
    answer = admin_client.get("/admin/", {"range": name})
    html = answer.content.decode()
    shown = answer.context["dashboard"]
    assert shown.span.name == (name if name in ("7d", "30d") else "24h")
    assert re.search(rf'\?range={shown.span.name}"\s+aria-current="page"', html)
    assert html.count("<canvas") == 4
    for words in (
        "Median time to first content",
        "anthropic",
        "claude-sonnet-5-5",
        "Last errors",
        "Your credit balance",
    ):
        assert words in html
    assert 'id="dashboard-data" type="application/json"' in html


def test_the_links_of_the_cards_lead_to_the_requests_they_count(admin_client, traffic):
    """Every card opens a page; the error card's list has as many rows as the card says."""
    shown = page.dashboard("30d")
    for card in shown.cards:
        assert admin_client.get(card.url).status_code == 200, card
    errors = next(card for card in shown.cards if card.title == "Error rate")
    assert "outcome__exact=error" in errors.url
    listed = admin_client.get(errors.url).context["cl"].result_list
    failed = RequestLog.objects.filter(outcome="error").count()
    assert failed > 0
    assert len(listed) == min(failed, 50)
    assert admin_client.get(shown.errors[0].url).status_code == 200


def test_a_hostile_name_is_only_text(admin_client):
    """What clients and upstreams send is shown, and does nothing."""
    Provider.objects.create(name="main", preset="ollama")
    evil = "</script><img src=x onerror=alert(1)>"
    write(1, "error", requested_model=evil, actual_model=evil, provider=evil[:100], error=evil, time=timezone.now())
    html = admin_client.get("/admin/").content.decode()
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html


def test_no_requests_in_the_range_is_said_instead_of_empty_charts(admin_client):
    """The cards and the providers stay, and the way to a longer range."""
    Provider.objects.create(name="main", preset="ollama")
    write(1, "ok", time=timezone.now() - timedelta(days=3))
    html = admin_client.get("/admin/").content.decode()
    assert "No request in the last 24 hours" in html
    assert "<canvas" not in html
    assert "dashboard.js" not in html
    assert admin_client.get("/admin/?range=7d").content.count(b"<canvas") == 3  # nothing has cost anything


def test_who_may_not_see_requests_gets_the_frame_without_figures(client, traffic):
    """Staff of no group: a welcome, and no figure is even looked up; a viewer sees them."""
    plain = User.objects.create_user("plain", is_staff=True)
    client.force_login(plain)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        html = client.get("/admin/").content.decode()
    assert "Your account may not see the requests" in html
    assert "anthropic" not in html
    assert not [query for query in asked if "proxy_" in query["sql"]]
    plain.groups.add(Group.objects.get(name=VIEWER))
    assert "Median time to first content" in client.get("/admin/").content.decode()


def test_the_number_of_queries_does_not_grow(traffic):
    """Thirty days of any number of providers take as many queries as one day of one."""
    with CaptureQueriesContext(connection) as few:
        page.dashboard("24h")
    for number in range(10):
        Provider.objects.create(name=f"p{number}", preset="ollama")
    with CaptureQueriesContext(connection) as many:
        page.dashboard("30d")
    assert len(few) == len(many) <= 18


def test_no_query_reads_the_whole_history(traffic):
    """Errors, open rows and failed calls come by an index; neither table of the history is ever scanned."""
    if connection.vendor != "sqlite":
        pytest.skip("the plan is read as SQLite tells it")
    with CaptureQueriesContext(connection) as asked:
        page.dashboard("30d")
    history = [query["sql"] for query in asked if re.search(r'FROM "proxy_(requestlog|attemptlog)"', query["sql"])]
    assert len(history) == 4
    for sql in history:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql.replace('%', '%%')}")
            plan = [row[-1] for row in cursor.fetchall()]
        assert not [line for line in plan if line.startswith(("SCAN proxy_requestlog", "SCAN proxy_attemptlog"))], sql


def chain(preset):
    provider = Provider.objects.create(name=preset, preset=preset)
    model, _ = LogicalModel.objects.get_or_create(name="smart")
    ModelMapping.objects.create(logical_model=model, provider=provider, actual_model="m")


def states(client):
    return [step.state for step in client.get("/admin/").context.get("steps", ())]


def test_with_nothing_configured_the_page_shows_the_next_three_steps(admin_client):
    """A provider, a model, a client; each is marked when it is done, the next one stands out."""
    html = admin_client.get("/admin/").content.decode()
    assert "Three steps to the first request" in html
    assert "ANTHROPIC_BASE_URL=http://testserver\n" in html
    assert "<canvas" not in html
    assert states(admin_client) == ["next", "later", "later"]
    Provider.objects.create(name="other", preset="ollama")
    assert states(admin_client) == ["done", "next", "later"]
    chain("openai")
    assert states(admin_client) == ["done", "done", "next"]
    assert "export ANTHROPIC_MODEL=smart\nclaude<" in admin_client.get("/admin/").content.decode()
    write(1, "ok", attempts=[AttemptRecord(1, "main", "m", "ok")])
    assert states(admin_client) == []


def test_the_steps_lead_through_the_set_up(admin_client):
    """First to the choice of a vendor; once there is a provider, finished or not, to the choice of its models."""
    first, second, _ = admin_client.get("/admin/").context["steps"]
    assert (first.url, second.url) == ("/admin/providers/setup/", "")
    assert second.waits in admin_client.get("/admin/").content.decode()
    row = Provider.objects.create(name="mine", preset="ollama", enabled=False)
    assert admin_client.get("/admin/").context["steps"][1].url == f"/admin/providers/setup/models/?provider={row.pk}"


def test_what_to_type_names_a_model_that_a_vendor_serves(admin_client):
    """The first run's echo is older, but nobody wants to talk to it; the default route needs no name."""
    echo = Provider.objects.create(name="echo", preset="echo")
    demo = LogicalModel.objects.create(name="demo")
    ModelMapping.objects.create(logical_model=demo, provider=echo, actual_model="echo")
    assert "ANTHROPIC_MODEL=demo" in admin_client.get("/admin/").context["steps"][2].code
    chain("openai")
    assert "ANTHROPIC_MODEL=smart" in admin_client.get("/admin/").context["steps"][2].code
    settings = RouterSettings.load()
    settings.default = LogicalModel.objects.get(name="smart")
    settings.save()
    assert "ANTHROPIC_MODEL" not in admin_client.get("/admin/").context["steps"][2].code


def test_the_built_in_echo_is_no_step_but_its_requests_are_shown(admin_client):
    """After the first run the echo answers: the steps are still to be done, until the first request."""
    chain("echo")
    assert states(admin_client) == ["next", "later", "later"]
    write(1, "ok")
    assert states(admin_client) == []


def test_who_may_only_look_is_offered_no_button_that_refuses(client):
    """A viewer reads what is missing, and that an operator can do it."""
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.groups.add(Group.objects.get(name=VIEWER))
    client.force_login(viewer)
    html = client.get("/admin/").content.decode()
    assert "Three steps" in html
    assert html.count("An operator can do this") == 3
    assert 'href="/admin/providers/setup' not in html


def test_a_provider_that_offers_models_itself_needs_no_mapping(admin_client):
    """Its own names are names that clients may ask for."""
    Provider.objects.create(name="other", preset="ollama", models_offered=["qwen"])
    assert states(admin_client) == ["done", "done", "next"]


def test_requests_without_any_configuration_do_not_hide_the_steps(admin_client):
    """Somebody asks in vain: what is missing is more useful than the charts of it."""
    write(1, "error", status=404)
    assert states(admin_client) == ["next", "later", "done"]


def test_quiet_providers_are_named(admin_client):
    """Each still leads to its page."""
    for number in range(9):
        Provider.objects.create(name=f"p<{number}>", preset="ollama")
    write(1, "ok", attempts=[AttemptRecord(1, "main", "m", "ok")])
    page = admin_client.get("/admin/").content.decode()
    assert "9 more without calls" in page and ">p&lt;8&gt;</a>" in page
