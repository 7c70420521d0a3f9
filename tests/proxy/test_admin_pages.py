"""The admin through Django's test client: every page, with rows and without."""

import re
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from providers.models import Credential, Provider
from proxy.models import AttemptLog, ClientKey, LogicalModel, ModelMapping, RequestLog, RouterSettings, RoutingRule
from tests.admin_forms import inline

pytestmark = pytest.mark.django_db
MODELS = (
    "providers_provider", "proxy_logicalmodel", "proxy_routingrule", "proxy_clientkey", "proxy_requestlog",
    "proxy_healthstate", "proxy_drill",
    "auth_user", "auth_group",
)  # fmt: skip
SECRET = "sk-canary-0123456789"


@pytest.fixture
def rows(db):
    provider = Provider.objects.create(name="main", preset="openai")
    credential = Credential(provider=provider)
    credential.set_secret(SECRET)
    credential.save()
    model = LogicalModel.objects.create(name="smart")
    ModelMapping.objects.create(logical_model=model, priority=1, provider=provider, actual_model="gpt-5.2")
    RoutingRule.objects.create(name="images", has_image=True, logical_model=model)
    key = ClientKey(name="laptop")
    key.issue()
    key.save()
    log = RequestLog.objects.create(
        time=datetime.now(UTC), request_id="req_1", session_id="s-1", inbound_format="anthropic_messages",
        provider="main", actual_model="gpt-5.2", outcome="ok", status=200, why="<script>alert(1)</script>",
        body=zlib.compress(b"<b>prompt</b>"),
    )  # fmt: skip
    AttemptLog.objects.create(request=log, number=1, provider="main", actual_model="gpt-5.2", outcome="ok")
    return provider, model, log


@pytest.mark.parametrize("name", MODELS)
def test_every_list_opens_empty(admin_client, name):
    """With nothing configured each list still opens; ours say what the thing is for."""
    page = admin_client.get(reverse(f"admin:{name}_changelist"))
    assert page.status_code == 200
    assert name.startswith("auth") or b" yet" in page.content


@pytest.mark.parametrize("name", MODELS)
def test_every_list_and_form_opens_with_rows(admin_client, rows, name):
    """Lists, add pages and forms open, and no page holds a secret or lets markup through."""
    paths = [reverse(f"admin:{name}_changelist")]
    if name not in ("proxy_requestlog", "proxy_healthstate"):
        paths.append(reverse(f"admin:{name}_add"))
    app, model = name.split("_")
    from django.apps import apps

    row = apps.get_model(app, model).objects.first()
    if row is not None:
        paths.append(reverse(f"admin:{name}_change", args=(row.pk,)))
    for path in paths:
        page = admin_client.get(path)
        assert page.status_code == 200, path
        assert SECRET.encode() not in page.content
        assert b"<script>alert(1)" not in page.content


def test_a_new_mapping_comes_last(admin_client, rows):
    """A mapping added without a place in the order is tried after the others."""
    provider, model, _ = rows
    first = model.mappings.get()
    old = {"id": first.pk, "logical_model": model.pk, "priority": 1, "provider": provider.pk,
           "actual_model": "gpt-5.2", "enabled": "on"}  # fmt: skip
    new = {"logical_model": model.pk, "priority": 0, "provider": provider.pk, "actual_model": "b", "enabled": "on"}
    answer = admin_client.post(
        reverse("admin:proxy_logicalmodel_change", args=(model.pk,)),
        {"name": "smart", "enabled": "on", **inline("mappings", old, new, initial=1)},
    )
    assert answer.status_code == 302, answer.content.decode()[:3000]
    assert list(model.mappings.values_list("actual_model", "priority")) == [("gpt-5.2", 1), ("b", 2)]


def test_a_bad_pattern_is_a_form_error(admin_client):
    """A regex that does not compile is named on the page."""
    row = RouterSettings.load()
    path = reverse("admin:proxy_routersettings_change", args=(row.pk,))
    assert admin_client.get(reverse("admin:proxy_routersettings_changelist")).url == path
    page = admin_client.post(path, {"auto_map_regex": "(unclosed"})
    assert page.status_code == 200
    assert "(unclosed" in page.content.decode()
    row.refresh_from_db()
    assert row.auto_map_regex != "(unclosed"


def test_the_router_settings_are_in_tabs_and_an_error_opens_its_own(admin_client):
    """Each group is a tab; after a refused save the page shows the tab with the mistake, not the first one."""
    path = reverse("admin:proxy_routersettings_change", args=(RouterSettings.load().pk,))
    text = admin_client.get(path).content.decode()
    for name in ("routes", "detection", "deadlines", "history"):
        assert f"activeFieldsetTab == '{name}'" in text
    assert "activeFieldsetTab: 'routes'" in text
    refused = admin_client.post(path, {**valid_settings(), "background_regex": "(unclosed"}).content.decode()
    assert "activeFieldsetTab: 'detection'" in refused


def valid_settings():
    """What the page posts when nothing has been changed."""
    row = RouterSettings.load()
    values = {field.name: field.value_from_object(row) for field in RouterSettings._meta.fields}
    return {name: value for name, value in values.items() if value is not None and value is not False}


def test_a_client_key_is_shown_once(admin_client):
    """The page after adding shows the key; the database holds its hash and no other page shows it."""
    page = admin_client.post(reverse("admin:proxy_clientkey_add"), {"name": "laptop", "enabled": "on"}, follow=True)
    row = ClientKey.objects.get()
    text = page.content.decode()
    start = text.index(f"ccm_{row.prefix}_")
    key = text[start : start + len(f"ccm_{row.prefix}_") + 43]
    from proxy.models.client_key import digest_of

    assert digest_of(key) == row.digest
    assert key not in admin_client.get(reverse("admin:proxy_clientkey_changelist")).content.decode()


def test_history_is_read_only(admin_client, rows):
    """Nobody adds, changes or deletes history by hand."""
    log = rows[2]
    assert admin_client.get(reverse("admin:proxy_requestlog_add")).status_code == 403
    assert admin_client.post(reverse("admin:proxy_requestlog_delete", args=(log.pk,))).status_code == 403
    admin_client.post(reverse("admin:proxy_requestlog_change", args=(log.pk,)), {"status": 1})
    log.refresh_from_db()
    assert log.status == 200


@pytest.mark.parametrize(
    "query", ["?q=req_1", "?q=s-1", "?outcome__exact=ok", "?provider=main", "?logical_model=smart"]
)
def test_history_is_searched_and_filtered(admin_client, rows, query):
    """By request id, session, outcome, provider and model."""
    assert admin_client.get(reverse("admin:proxy_requestlog_changelist") + query).status_code == 200


@pytest.mark.parametrize(
    "query", ["?q=%00", "?p=9" + "9" * 30, "?o=1.2.99", "?provider=%00", "?outcome__exact=%00", "?nothing=1"]
)
def test_odd_queries_are_no_server_error(admin_client, rows, query):
    """A NUL, a huge page number or an unknown parameter is answered, not crashed on."""
    assert admin_client.get(reverse("admin:proxy_requestlog_changelist") + query).status_code < 500


def test_what_is_dragged_to_the_top_is_tried_first(admin_client, rows):
    """The page numbers dragged rows from 0; the first of them stays the first, and the chain is stored from 1."""
    provider, model, _ = rows
    first = model.mappings.get()
    last = ModelMapping.objects.create(logical_model=model, priority=2, provider=provider, actual_model="b")
    forms = [
        {"id": row.pk, "logical_model": model.pk, "priority": place, "provider": provider.pk,
         "actual_model": row.actual_model, "enabled": "on"}
        for row, place in ((first, 1), (last, 0))
    ]  # fmt: skip
    new = {"logical_model": model.pk, "priority": 0, "provider": provider.pk, "actual_model": "c", "enabled": "on"}
    path = reverse("admin:proxy_logicalmodel_change", args=(model.pk,))
    answer = admin_client.post(path, {"name": "smart", "enabled": "on", **inline("mappings", *forms, new, initial=2)})
    assert answer.status_code == 302, answer.content.decode()[:3000]
    assert list(model.mappings.values_list("actual_model", "priority")) == [("b", 1), ("gpt-5.2", 2), ("c", 3)]


def test_a_removed_mapping_closes_the_gap(admin_client, rows):
    """Removing the first mapping leaves the others in their order, numbered from 1."""
    provider, model, _ = rows
    first = model.mappings.get()
    last = ModelMapping.objects.create(logical_model=model, priority=2, provider=provider, actual_model="b")
    forms = [
        {"id": row.pk, "logical_model": model.pk, "priority": row.priority, "provider": provider.pk,
         "actual_model": row.actual_model, "enabled": "on"}
        for row in (first, last)
    ]  # fmt: skip
    forms[0]["DELETE"] = "on"
    path = reverse("admin:proxy_logicalmodel_change", args=(model.pk,))
    answer = admin_client.post(path, {"name": "smart", "enabled": "on", **inline("mappings", *forms, initial=2)})
    assert answer.status_code == 302, answer.content.decode()[:3000]
    assert list(model.mappings.values_list("actual_model", "priority")) == [("b", 1)]


def test_a_new_rule_comes_last(admin_client, rows):
    """A rule added by hand never overtakes those that are there."""
    model = rows[1]
    RoutingRule.objects.update(order=4)
    form = {"name": "long", "enabled": "on", "logical_model": model.pk, "min_input_tokens": 9, "has_image": "unknown"}
    assert admin_client.post(reverse("admin:proxy_routingrule_add"), form).status_code == 302
    assert list(RoutingRule.objects.values_list("name", "order")) == [("images", 4), ("long", 5)]


def test_no_match_is_not_no_rows(admin_client, rows):
    """A search without a hit does not tell a user of many rows that there are none yet."""
    page = admin_client.get(reverse("admin:proxy_requestlog_changelist") + "?q=nothing").content.decode()
    assert "No requests yet" not in page and "Nothing matches" in page and ">Show all</a>" in page
    assert ">Add request</a>" not in page, "nobody adds requests by hand"


def test_an_empty_list_speaks_of_no_filter_that_nobody_set(admin_client):
    """It leads to the form for the first row, where one can be added; providers have a better way."""
    drills = admin_client.get(reverse("admin:proxy_drill_changelist")).content.decode()
    assert "Nothing matches" not in drills and "Show all" not in drills and ">Add drill</a>" in drills
    assert ">Add provider</a>" not in admin_client.get(reverse("admin:providers_provider_changelist")).content.decode()
    health = admin_client.get(reverse("admin:proxy_healthstate_changelist")).content.decode()
    assert "The list is empty." in health and "Show all" not in health


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?q=req_1", True), ("?q=s-1", True), ("?q=req_", False), ("?q=REQ_1", False),
        ("?since=1h", True), ("?since=nonsense", True), ("?route=default", True), ("?route=think", False),
        ("?provider=main", True), ("?provider=other", False),
    ],
)  # fmt: skip
def test_history_filters_tell_rows_apart(admin_client, rows, query, found):
    """Each filter keeps what it names and leaves out the rest; the search takes whole ids only."""
    RequestLog.objects.update(route="default")
    cl = admin_client.get(reverse("admin:proxy_requestlog_changelist") + query, follow=True).context["cl"]
    assert [row.request_id for row in cl.result_list] == (["req_1"] if found else [])


def test_the_time_filter_leaves_out_what_is_older(admin_client, rows):
    """Of two requests, only the one within the span is listed."""
    RequestLog.objects.create(
        time=datetime.now(UTC) - timedelta(hours=2), request_id="req_old", inbound_format="anthropic_messages",
        outcome="ok",
    )  # fmt: skip
    path = reverse("admin:proxy_requestlog_changelist")
    for since, expected in (("1h", ["req_1"]), ("24h", ["req_1", "req_old"])):
        listed = admin_client.get(f"{path}?since={since}").context["cl"].result_list
        assert [row.request_id for row in listed] == expected


def test_the_history_of_changes_says_who_and_what(admin_client, admin_user):
    """Each change leads to its version; a link that was empty is no deleted row, and nobody is called None."""
    RouterSettings.objects.create(default=None)
    row = RouterSettings.objects.get()
    row.default = LogicalModel.objects.create(name="smart")
    row.save()
    row.retention_days, row._change_reason = 7, "<b>told</b>"
    row.save()
    page = admin_client.get(reverse("admin:proxy_routersettings_history", args=(row.pk,))).content.decode()
    version = reverse("admin:proxy_routersettings_simple_history", args=(row.pk, row.history.first().pk))
    assert version in page and "a command or the server" in page and "&lt;b&gt;told&lt;/b&gt;" in page
    assert "<del>30</del>" in page and "<ins>7</ins>" in page and "<ins>smart</ins>" in page
    assert "None" not in page.partition('id="change-history"')[2].partition("</table>")[0]


def test_the_history_of_a_provider_tells_no_secret(admin_client, rows):
    """Changes of configuration are listed and shown as they were, without anything secret."""
    provider, model, _ = rows
    provider.enabled = False
    provider.save()
    for row, name in ((provider, "providers_provider"), (model, "proxy_logicalmodel")):
        path = reverse(f"admin:{name}_history", args=(row.pk,))
        version = row.history.first()
        for address in (path, reverse(f"admin:{name}_simple_history", args=(row.pk, version.pk))):
            page = admin_client.get(address)
            assert page.status_code == 200, address
            assert SECRET not in page.content.decode()


def test_a_model_that_a_route_needs_is_not_deleted(admin_client, rows):
    """Deleting the default route's model is refused on the page, which names what needs it."""
    model = rows[1]
    settings = RouterSettings.load()
    settings.default = model
    settings.save()
    page = admin_client.post(reverse("admin:proxy_logicalmodel_delete", args=(model.pk,)), {"post": "yes"})
    assert page.status_code == 200
    assert "Router settings" in page.content.decode()
    assert LogicalModel.objects.exists()


def test_a_damaged_body_is_said_to_be_so(admin_client, rows):
    """A stored body that does not decompress is named as damaged; the rest of the page is there."""
    log = rows[2]
    RequestLog.objects.filter(pk=log.pk).update(body=b"not zlib")
    page = admin_client.get(reverse("admin:proxy_requestlog_change", args=(log.pk,)))
    assert page.status_code == 200
    assert "damaged" in page.content.decode()


def test_mappings_can_share_a_place(admin_client, rows):
    """A marked row gets the number of the row above it, the page shows the mark again, and the list joins the two."""
    provider, model, _ = rows
    first = model.mappings.get()
    old = {"id": first.pk, "logical_model": model.pk, "priority": 1, "provider": provider.pk,
           "actual_model": "gpt-5.2", "weight": 3, "enabled": "on", "shares": "on"}  # fmt: skip
    more = [
        {
            "logical_model": model.pk,
            "priority": 0,
            "provider": provider.pk,
            "actual_model": name,
            "enabled": "on",
            **mark,
        }
        for name, mark in (("b", {"shares": "on"}), ("c", {}))
    ]
    path = reverse("admin:proxy_logicalmodel_change", args=(model.pk,))
    answer = admin_client.post(path, {"name": "smart", "enabled": "on", **inline("mappings", old, *more, initial=1)})
    assert answer.status_code == 302, answer.content.decode()[:3000]
    stored = list(model.mappings.values_list("actual_model", "priority", "weight"))
    assert stored == [("gpt-5.2", 1, 3), ("b", 1, 1), ("c", 2, 1)]
    page = admin_client.get(path).content.decode()
    marks = re.findall(r'<input[^>]*name="mappings-\d-shares"[^>]*>', page)
    assert [re.search(r"\schecked[\s>/]", mark) is not None for mark in marks] == [False, True, False]
    listed = admin_client.get(reverse("admin:proxy_logicalmodel_changelist")).content.decode()
    assert "main/gpt-5.2 + main/b → main/c" in re.sub(r"<[^>]*>", "", listed)


def test_a_provider_s_limit_is_a_positive_number(admin_client, rows):
    """Nought calls at once would be a provider that is off: the form says so."""
    path = reverse("admin:providers_provider_change", args=(rows[0].pk,))
    form = {"name": "main", "preset": "openai", "enabled": "on", "headers": "{}", "models_offered": "[]"}
    page = admin_client.post(path, {**form, "max_concurrency": "0", **inline("credentials")})
    assert page.status_code == 200
    assert "greater than or equal to 1" in page.content.decode()


def test_names_stand_in_the_header_as_they_are(admin_client, rows):
    """Clients ask for “smart”, not for “Smart”; kinds of things begin with a capital."""
    model = LogicalModel.objects.get()
    page = admin_client.get(reverse("admin:proxy_logicalmodel_change", args=[model.pk])).content.decode()
    header = page[: page.index("chevron_right")]
    assert ">Logical models</a>" in header and "Routing and history</a>" not in header
    assert ">smart</a>" in page and ">Smart</a>" not in page and ">new</span>" not in page
    assert ">new</span>" in admin_client.get(reverse("admin:proxy_logicalmodel_add")).content.decode()
