"""Every URL, and who gets in: an URL that has no row here fails."""

import zlib

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from ccmsite.roles import ADMINISTRATOR, OPERATOR, VIEWER
from providers.models import Credential, OAuthClient, Provider
from proxy import snapshot
from proxy.models import (
    ClientKey,
    Drill,
    HealthState,
    LogicalModel,
    ModelMapping,
    ModelPrice,
    RequestLog,
    RouterSettings,
    RoutingRule,
)

pytestmark = pytest.mark.django_db
LOOK, CONFIGURE, PEOPLE, SUPER, ANYBODY = "look", "configure", "people", "super", "anybody"
WHO = {
    LOOK: {VIEWER, OPERATOR, ADMINISTRATOR, "superuser"},
    CONFIGURE: {OPERATOR, ADMINISTRATOR, "superuser"},
    PEOPLE: {ADMINISTRATOR, "superuser"},
    SUPER: {"superuser"},
    ANYBODY: {VIEWER, OPERATOR, ADMINISTRATOR, "superuser", "anonymous", "no staff"},
}
STAFF = {
    "index": LOOK, "search": LOOK, "logout": None, "jsi18n": LOOK, "password_change": LOOK,
    "password_change_done": LOOK, "app_list": LOOK, "view_on_site": None, "autocomplete": None, "login": None,
    "toggle_sidebar": LOOK,
}  # fmt: skip
"""The admin's own URLs; None: proven elsewhere or answers by other means than a page."""
TABLES = {
    "providers_provider": (LOOK, CONFIGURE), "proxy_logicalmodel": (LOOK, CONFIGURE),
    "proxy_routersettings": (LOOK, None), "proxy_routingrule": (LOOK, CONFIGURE),
    "proxy_clientkey": (LOOK, CONFIGURE), "proxy_modelprice": (LOOK, CONFIGURE), "proxy_requestlog": (LOOK, None),
    "proxy_healthstate": (LOOK, None), "proxy_drill": (LOOK, CONFIGURE), "providers_oauthclient": (LOOK, CONFIGURE),
    "auth_user": (PEOPLE, PEOPLE), "auth_group": (PEOPLE, SUPER),
}  # fmt: skip
"""A table: who sees its list and rows, who adds, changes and deletes; None: nobody."""
OTHER_ROUTES = {
    "admin:auth_user_password_change": PEOPLE, "admin:provider_test": CONFIGURE, "admin:provider_models": CONFIGURE,
    "pages:live": LOOK, "pages:console": CONFIGURE, "pages:replay": CONFIGURE,
    "pages:sign-in": CONFIGURE, "pages:account": CONFIGURE, "pages:sign-out": CONFIGURE,
    "pages:sign-in-back": CONFIGURE, "pages:preview": LOOK, "pages:pattern": LOOK,
    "pages:setup": CONFIGURE, "pages:setup-test": CONFIGURE, "pages:setup-models": CONFIGURE,
    "pages:setup-done": CONFIGURE, "admin:provider_reset": CONFIGURE,
    "pages:config": LOOK, "pages:config_download": LOOK,
    "admin:proxy_drill_stop": CONFIGURE, "admin:proxy_clientkey_rotate": CONFIGURE,
    "admin:proxy_requestlog_export_csv": LOOK, "admin:proxy_requestlog_export_jsonl": LOOK,
    "admin:proxy_requestlog_body": CONFIGURE,
}  # fmt: skip
"""URLs of a table beyond list, add, change, delete and history, and the pages that are no table's."""
POSTED = {
    "admin:provider_test": "providers_provider", "admin:provider_models": "providers_provider",
    "admin:provider_reset": "providers_provider",
    "admin:proxy_drill_stop": "proxy_drill",
}  # fmt: skip
"""What is a button and no page, and the table whose row it is for."""
OF_A_ROW = POSTED | {
    "pages:sign-in": "providers_provider", "pages:account": "providers_credential",
    "pages:sign-out": "providers_credential", "pages:replay": "proxy_requestlog",
}  # fmt: skip
"""Buttons and pages of one row, and whose."""
REFUSES = {"pages:sign-in-back"}
"""What takes more than an address: who may come is told what is missing (400)."""


def names():
    """The names of all URLs below /admin/."""

    def walk(patterns, space):
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, pattern.namespace or space)
            elif isinstance(pattern, URLPattern) and pattern.name and space:
                yield f"{space}:{pattern.name}"

    return sorted(set(walk(get_resolver().url_patterns, "")))


WRITING = [
    name for name in names()
    if name.endswith(("_add", "_change", "_delete", "_simple_history")) and name != "admin:password_change"
] + ["pages:sign-in", "pages:account", "pages:sign-out"]  # fmt: skip


def expected(name):
    """Who gets in at a URL. KeyError: the table has no row for it."""
    space, _, short = name.partition(":")
    if name in OTHER_ROUTES:
        return OTHER_ROUTES[name]
    short = short.replace("_simple_history", "_history")
    if space == "admin" and short in STAFF:
        return STAFF[short]
    table, _, action = short.rpartition("_")
    look, change = TABLES[table]
    return {"changelist": look, "change": look, "history": look, "add": change, "delete": change}[action]


@pytest.fixture(autouse=True)
def no_watcher(db):
    """Pages that ask the router begin to watch the configuration: no thread does so beyond its test's database."""
    yield
    snapshot.stop()


@pytest.fixture
def rows(db):
    provider = Provider.objects.create(name="main", preset="echo")
    credential = Credential(provider=provider)
    credential.set_secret("sk-canary-0123456789")
    credential.save()
    account = Credential.objects.create(provider=provider, kind=Credential.OAUTH, label="account")
    client = OAuthClient.objects.create(flow="google", client_id="mine")
    model = LogicalModel.objects.create(name="smart")
    mapping = ModelMapping.objects.create(logical_model=model, priority=1, provider=provider, actual_model="m")
    key = ClientKey(name="laptop")
    key.issue()
    key.save()
    now = timezone.now()
    made = [
        provider, account, client, model, mapping, key, RouterSettings.objects.get_or_create()[0],
        RoutingRule.objects.create(name="images", has_image=True, logical_model=model),
        ModelPrice.objects.create(preset="openai", model="m", input=1, output=2),
        RequestLog.objects.create(time=now, request_id="req_1", outcome="ok", body=zlib.compress(b"{}")),
        HealthState.objects.create(
            provider="main", actual_model="m", kind="overloaded", until=now, since=now, failed_at=now, stamp=1
        ),
        Drill.objects.create(provider=provider, client_key=key, ends_at=now),
        User.objects.create_user("somebody"), Group.objects.get(name=VIEWER),
    ]  # fmt: skip
    return {f"{row._meta.app_label}_{row._meta.model_name}": row for row in made}


def visitors(client_of):
    """A signed-in client for each kind of visitor."""
    people = {"anonymous": None, "no staff": User.objects.create_user("plain")}
    for role in (VIEWER, OPERATOR, ADMINISTRATOR):
        people[role] = User.objects.create_user(role.lower(), is_staff=True)
        people[role].groups.add(Group.objects.get(name=role))
    people["superuser"] = User.objects.create_superuser("root")
    return {name: client_of(user) for name, user in people.items()}


@pytest.fixture
def clients(rows):
    def client_of(user):
        client = Client()
        if user is not None:
            client.force_login(user)
        return client

    return visitors(client_of)


def address(name, rows):
    """A URL by its name, with a real row where it takes one."""
    short = name.partition(":")[2]
    if name in OF_A_ROW:
        return reverse(name, args=[rows[OF_A_ROW[name]].pk])
    for table, row in rows.items():
        if short.startswith(f"{table}_"):
            try:
                return reverse(name)
            except NoReverseMatch:
                version = [row.history.first().pk] if short.endswith("_simple_history") else []
                return reverse(name, args=[row.pk, *version])
    if short == "app_list":
        return reverse(name, kwargs={"app_label": "proxy"})
    return reverse(name)


def test_every_url_has_a_row():
    """Whoever adds a page must say here who may see it."""
    assert len(names()) > 50
    for name in names():
        assert expected(name) in (*WHO, None), name


@pytest.mark.parametrize("name", names())
def test_only_who_may_gets_in(name, rows, clients):
    """Each URL × each kind of visitor: the page, or the way to sign in, or a refusal."""
    allowed = expected(name)
    if allowed is None and name.partition(":")[2] in STAFF:
        return
    may = WHO.get(allowed, set())
    for visitor, client in clients.items():
        ask = client.post if name in POSTED else client.get
        answer = ask(address(name, rows))
        status, away = answer.status_code, answer.headers.get("location", "").startswith("/admin/login/")
        inside = status in (200, 302, 400 if name in REFUSES else 200) and not away
        assert inside == (visitor in may), (name, visitor, status)
        assert away == (visitor in ("anonymous", "no staff")), (name, visitor, status)


@pytest.mark.parametrize("visitor", ["anonymous", "no staff", VIEWER])
@pytest.mark.parametrize("name", WRITING)
def test_who_may_only_look_changes_nothing(name, visitor, rows, clients):
    """A POST of somebody who may not is refused, and every row is as it was."""
    before = {table: type(row).objects.values().get(pk=row.pk) for table, row in rows.items()}
    counts = {table: type(row).objects.count() for table, row in rows.items()}
    status = clients[visitor].post(address(name, rows), {"name": "taken over", "post": "yes"}).status_code
    assert status in (302, 403), (name, visitor, status)
    assert {table: type(row).objects.values().get(pk=row.pk) for table, row in rows.items()} == before
    assert {table: type(row).objects.count() for table, row in rows.items()} == counts
