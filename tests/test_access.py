"""Every URL, and who gets in: an URL that has no row here fails."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from ccmsite.roles import ADMINISTRATOR, OPERATOR, VIEWER
from proxy import snapshot
from tests.every_page import POSTED, address, make_rows, names

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
REFUSES = {"pages:sign-in-back"}
"""What takes more than an address: who may come is told what is missing (400)."""


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
    return make_rows()


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
