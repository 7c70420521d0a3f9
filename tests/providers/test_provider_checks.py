"""The buttons of the providers' pages that call a provider, through Django's test client and a real upstream."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from providers.models import Credential, Provider
from proxy.models import ConfigRevision
from tests.upstream import ScriptedUpstream
from tests.upstream_faults import FAULTS

pytestmark = pytest.mark.django_db
SECRET = "sk-canary-0123456789"
BUTTONS = ("provider_test", "provider_models")


@pytest.fixture
def upstream():
    with ScriptedUpstream() as server:
        yield server


def provider(base_url, name="main", preset="anthropic-compatible", **fields):
    row = Provider.objects.create(name=name, preset=preset, base_url=base_url, **fields)
    credential = Credential(provider=row)
    credential.set_secret(SECRET)
    credential.save()
    return row


def pressed(client, button, row):
    """What is told after a button was pressed: level and words of each message."""
    answer = client.post(reverse(f"admin:{button}", args=(row.pk,)))
    assert (answer.status_code, answer.url) == (302, reverse("admin:providers_provider_change", args=(row.pk,)))
    return [(message.level_tag, str(message)) for message in get_messages(answer.wsgi_request)]


def staff(django_user_model, *codenames):
    user = django_user_model.objects.create_user("clerk", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def test_a_provider_that_answers_is_told_so(admin_client, upstream):
    """Test connection: model, status, time and the number of listed models in one line."""
    ((level, words),) = pressed(admin_client, "provider_test", provider(upstream.url, models_offered=["glm"]))
    assert level == "success"
    assert re.fullmatch(r"main: glm answered 200 in \d+ ms, 1 model listed\.", words)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("echo-key", "failed, 401 refused key after"),
        ("status/404", "failed, 404 no such model after"),
        ("html200", "HTML page instead of JSON. Something else answers there"),
        ("close", "failed, unreachable after"),
    ],
)
def test_a_failure_is_told_with_its_hint(admin_client, upstream, fault, expected):
    """Status, kind and what to do, without the key."""
    row = provider(f"{upstream.url}/{fault}", models_offered=["glm"])
    ((level, words),) = pressed(admin_client, "provider_test", row)
    assert level == "error" and expected in words
    assert SECRET not in words


def test_fetched_models_are_kept_and_nothing_else_changes(admin_client, upstream, monkeypatch):
    """The names are stored in the vendor's order: no history row, no new revision, no change of the configuration."""

    async def lists(exchange):
        await exchange.json(200, {"data": [{"id": "opus"}, {"id": "glm"}]})

    monkeypatch.setitem(FAULTS, "lists", lists)
    row = provider(f"{upstream.url}/lists")
    before = row.history.count(), ConfigRevision.current(), row.updated_at
    assert pressed(admin_client, "provider_models", row) == [("success", "main lists 2 models: mappings offer them.")]
    row.refresh_from_db()
    assert row.models_listed == ["opus", "glm"]
    assert (row.history.count(), ConfigRevision.current(), row.updated_at) == before
    page = admin_client.get(reverse("admin:providers_provider_change", args=(row.pk,))).content.decode()
    assert "2 models listed" in page and "opus, glm" in page


@pytest.mark.parametrize(
    ("fault", "preset", "expected"),
    [
        ("echo-key", "anthropic-compatible", "API keys"),
        ("status/404", "anthropic-compatible", "by hand"),
        ("", "vertex-claude", "this vendor has no list of models. So enter"),
    ],
)
def test_a_list_that_cannot_be_had_changes_nothing(admin_client, upstream, fault, preset, expected):
    """The reason and what to do are told; the models fetched before stay."""
    row = provider(f"{upstream.url}/{fault}".rstrip("/"), preset=preset, models_listed=["old"])
    ((level, words),) = pressed(admin_client, "provider_models", row)
    assert level == "error" and words.startswith("main gave no list of models: ") and expected in words
    assert SECRET not in words
    row.refresh_from_db()
    assert row.models_listed == ["old"]


def test_an_empty_list_is_a_warning(admin_client, upstream, monkeypatch):
    """A provider that lists nothing is told apart from one that lists something."""

    async def nothing(exchange):
        await exchange.json(200, {"data": []})

    monkeypatch.setitem(FAULTS, "nothing", nothing)
    row = provider(f"{upstream.url}/nothing")
    assert pressed(admin_client, "provider_models", row) == [("warning", "main lists 0 models: mappings offer them.")]


@pytest.mark.parametrize("button", BUTTONS)
def test_a_provider_that_cannot_be_called_is_told_why(admin_client, button):
    """An unknown preset and a missing key are messages, not errors of the page."""
    keyless = Provider.objects.create(name="keyless", preset="openai", base_url="http://127.0.0.1:9/v1")
    ((level, words),) = pressed(admin_client, button, keyless)
    assert level == "error" and "no API key is set" in words
    # The first message is still there: nobody has looked at a page since.
    (_, (level, words)) = pressed(admin_client, button, Provider.objects.create(name="old", preset="gone"))
    assert level == "error" and "gone is not known" in words


@pytest.mark.parametrize("button", BUTTONS)
def test_only_a_post_with_its_token_calls_a_provider(admin_client, admin_user, upstream, button):
    """A link, a picture or a form of another site cannot make the proxy call anybody."""
    path = reverse(f"admin:{button}", args=(provider(upstream.url).pk,))
    assert admin_client.get(path).status_code == 405
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(admin_user)
    assert careful.post(path).status_code == 403
    assert not upstream.requests


@pytest.mark.parametrize("button", BUTTONS)
def test_who_may_not_change_providers_cannot_call_them(client, django_user_model, upstream, button):
    """Strangers are sent to the login; who may only look gets 403 and sees no button."""
    row = provider(upstream.url)
    path, page = (reverse(f"admin:{name}", args=(row.pk,)) for name in (button, "providers_provider_change"))
    assert "login" in client.post(path).url
    looker = staff(django_user_model, "view_provider", "view_credential")
    assert looker.post(path).status_code == 403
    assert path not in looker.get(page).content.decode()
    assert not upstream.requests


@pytest.mark.parametrize("button", BUTTONS)
def test_the_page_of_a_provider_has_the_buttons(admin_client, django_user_model, button):
    """Who may change a provider finds the button; a page to add one has none, and a provider that is gone is told."""
    row = Provider.objects.create(name="main", preset="echo")
    path = reverse(f"admin:{button}", args=(row.pk,))
    changer = staff(django_user_model, "view_provider", "change_provider")
    for client in (admin_client, changer):
        assert path in client.get(reverse("admin:providers_provider_change", args=(row.pk,))).content.decode()
    assert "Fetch models" not in admin_client.get(reverse("admin:providers_provider_add")).content.decode()
    for gone in ("0", "x"):
        answer = admin_client.post(reverse(f"admin:{button}", args=(gone,)))
        assert (answer.status_code, answer.url) == (302, reverse("admin:index"))


def test_several_providers_are_tested_from_the_list(admin_client, django_user_model, upstream):
    """One message for each chosen provider; who may only look is not offered the action."""
    rows = [
        provider(upstream.url, "good", models_offered=["m"]),
        provider(f"{upstream.url}/status/401", "bad", models_offered=["m"]),
        provider(upstream.url, "other"),
    ]
    form = {"action": "test_connections", "_selected_action": [row.pk for row in rows[:2]]}
    path = reverse("admin:providers_provider_changelist")
    answer = admin_client.post(path, form)
    told = {str(message).partition(":")[0]: message.level_tag for message in get_messages(answer.wsgi_request)}
    assert told == {"good": "success", "bad": "error"}
    looker = staff(django_user_model, "view_provider")
    before = len(upstream.requests)
    looker.post(path, form)
    assert len(upstream.requests) == before
