"""The page of the configuration file, and /api/config: who may, what is shown, what is written."""

import json

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from ccmsite.roles import OPERATOR, VIEWER
from providers.models import Provider
from proxy.models import LogicalModel

pytestmark = pytest.mark.django_db
PAGE, API = "/admin/config/", "/api/config"
SECRET = "sk-canary-0123456789"
FILE = f"""
[[providers]]
name = "main"
provider_type = "openai"
api_key = "{SECRET}"

[[models]]
name = "smart"
[[models.mappings]]
provider = "main"
actual_model = "m"
"""


def person(role):
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator():
    return person(OPERATOR)


def post(client, text=FILE, query="", kind="application/toml", **options):
    return client.post(API + query, text, content_type=kind, **options)


def words(answer):
    return answer.content.decode()


def test_a_file_is_looked_at_then_applied(operator):
    """The first post changes nothing and shows the plan, secrets masked; the second, with its seal, writes it."""
    assert "Show what would change" in words(operator.get(reverse("pages:config")))
    plan = operator.post(PAGE, {"file": SimpleUploadedFile("x.toml", FILE.encode())})
    assert not Provider.objects.exists()
    shown = words(plan)
    assert "3 changes to make" in shown
    assert "no-store" in plan.headers["cache-control"]
    assert shown.count(SECRET) == shown.count(escape(FILE.strip())) == 2  # the two texts that can be sent again

    done = operator.post(PAGE, {"text": FILE, "seal": plan.context["seal"]})
    assert "3 changes made" in words(done)
    assert SECRET not in words(done)
    assert Provider.objects.get().credentials.get().reveal() == SECRET
    assert Provider.objects.get().history.first().history_user.username == OPERATOR
    assert "Nothing would change" in words(operator.post(PAGE, {"text": FILE}))


def test_who_comes_too_late_is_told(operator):
    """A plan that is no longer what would happen is shown anew, and nothing is written."""
    seal = operator.post(PAGE, {"text": FILE}).context["seal"]
    LogicalModel.objects.create(name="smart")
    answer = operator.post(PAGE, {"text": FILE, "seal": seal})
    assert "Nothing was applied" in words(answer)
    assert not Provider.objects.exists()
    operator.post(PAGE, {"text": FILE, "seal": answer.context["seal"]})
    assert Provider.objects.exists()


def test_findings_come_with_their_lines_and_the_text_to_mend(operator):
    """Each finding shows where it is; the text stays in the form; nothing is written."""
    answer = operator.post(PAGE, {"text": FILE.replace("openai", "opnai")})
    shown = words(answer)
    assert "1 problem in the file" in shown
    assert 'class="meant">   4  provider_type = &quot;opnai&quot;' in shown
    assert "Mend and try again" in shown
    assert not Provider.objects.exists()
    empty = operator.post(PAGE, {"text": ""})
    assert empty.status_code == 400
    assert "choose a file or paste" in words(empty)


def test_what_is_not_in_the_file_is_shown_and_can_be_deleted(operator):
    """Without the box the page tells what stays; with it the plan deletes."""
    LogicalModel.objects.create(name="old")
    assert "Not in the file" in words(operator.post(PAGE, {"text": FILE}))
    plan = operator.post(PAGE, {"text": FILE, "prune": "on"})
    operator.post(PAGE, {"text": FILE, "prune": "on", "seal": plan.context["seal"]})
    assert [row.name for row in LogicalModel.objects.all()] == ["smart"]


def test_a_viewer_looks_and_downloads_but_imports_nothing(operator):
    """The page has no form for who may not change; a forged post is refused."""
    post(operator)
    viewer = person(VIEWER)
    assert "Show what would change" not in words(viewer.get(PAGE))
    file = viewer.get(reverse("pages:config_download"))
    assert "attachment" in file.headers["content-disposition"]
    assert SECRET not in words(file)
    assert "${CCM_MAIN_API_KEY}" in words(file)
    for client, path in ((viewer, PAGE), (viewer, API)):
        assert client.post(path, {"text": FILE}).status_code == 403


def test_who_lacks_one_right_imports_nothing():
    """The right to change the router alone opens neither the page's whole nor the import."""
    user = User.objects.create_user("half", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__endswith="_routersettings"))
    client = Client()
    client.force_login(user)
    for path in (PAGE, reverse("pages:config_download"), API):
        assert client.get(path).status_code == 403, path
    assert client.post(PAGE, {"text": FILE}).status_code == 403
    assert "ask for Operator" in post(client).json()["errors"][0]


def test_the_api_imports_and_shows(operator):
    """A dry run writes nothing; the import says what it did; the state comes back masked, and imports again."""
    dry = post(operator, query="?dry_run=1").json()
    assert (dry["ok"], dry["applied"], len(dry["changes"])) == (True, False, 3)
    assert not Provider.objects.exists()
    assert post(operator).json()["applied"] is True
    answer = operator.get(API)
    assert "no-store" in answer.headers["cache-control"]
    assert SECRET not in words(answer)
    assert answer.json()["providers"][0]["credentials"][0]["api_key"] == "…6789"
    again = post(operator, words(answer), "?dry_run=true&prune=1", "application/json").json()
    assert (again["errors"], again["changes"]) == ([], [])


@pytest.mark.parametrize(
    ("text", "query", "kind", "status", "told"),
    [
        ("[[", "", "application/toml", 422, "not TOML"),
        ("{", "", "application/json", 422, "not JSON"),
        (FILE.replace(SECRET, "$HOME"), "", "text/plain", 422, "manage.py importconfig"),
        (FILE, "?dry_run=yes", "text/plain", 400, "must be 0 or 1"),
        (FILE, "?dryrun=1", "text/plain", 400, "no parameter dryrun; there are dry_run and prune"),
        (FILE, "", "application/x-www-form-urlencoded", 400, "Content-Type"),
        ("#" * (1024 * 1024 + 1), "", "text/plain", 400, "larger than 1 MB"),
        ("\udcff".encode("utf-8", "surrogateescape"), "", "text/plain", 400, "not UTF-8"),
    ],
)
def test_the_api_says_what_is_wrong_and_writes_nothing(operator, text, query, kind, status, told):
    """Every refusal is JSON whose words name the fix."""
    answer = post(operator, text, query, kind)
    assert answer.status_code == status
    assert answer.json()["ok"] is False
    assert told in answer.json()["errors"][0]
    assert not Provider.objects.exists()


def test_the_api_wants_staff_a_session_and_its_token(operator):
    """No session: 401. No staff: 401. No CSRF token: 403, however signed in. Other methods: 405. All JSON."""
    plain = Client()
    plain.force_login(User.objects.create_user("plain"))
    for client in (Client(), plain):
        assert client.get(API).status_code == post(client).status_code == 401
        assert "sign in at /admin/" in client.get(API).json()["errors"][0]
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username=OPERATOR))
    refused = post(strict)
    assert refused.status_code == 403
    assert "X-CSRFToken" in refused.json()["errors"][0]
    assert not Provider.objects.exists()
    strict.get(API)
    token = strict.cookies["csrftoken"].value
    assert json.loads(post(strict, headers={"X-CSRFToken": token}).content)["applied"] is True
    for method in ("put", "patch", "delete"):
        assert getattr(strict, method)(API).status_code == 405
