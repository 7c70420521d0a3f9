"""The pages of providers through Django's test client: keys go in and never come out."""

import pytest
from django.urls import reverse

from providers.models import Credential, Provider
from proxy.models import LogicalModel, ModelMapping
from tests.admin_forms import inline

pytestmark = pytest.mark.django_db
SECRET = "sk-canary-0123456789"
PROVIDER = {"name": "new", "preset": "openai", "enabled": "on", "headers": "{}", "models_offered": "[]"}


def test_a_key_goes_in_and_never_comes_out(admin_client):
    """A key typed into the form is sealed; the form shows four characters; an empty field keeps it."""
    form = {**PROVIDER, **inline("credentials", {"label": "k", "secret": SECRET, "enabled": "on"})}
    assert admin_client.post(reverse("admin:providers_provider_add"), form).status_code == 302
    credential = Credential.objects.get()
    assert credential.reveal() == SECRET
    assert SECRET not in credential.sealed
    path = reverse("admin:providers_provider_change", args=(credential.provider_id,))
    page = admin_client.get(path).content.decode()
    assert SECRET not in page
    assert "…6789" in page
    kept = {"id": credential.pk, "provider": credential.provider_id, "label": "renamed", "secret": "", "enabled": "on"}
    answer = admin_client.post(path, {**PROVIDER, **inline("credentials", kept, initial=1)})
    assert answer.status_code == 302, answer.content.decode()[:3000]
    credential.refresh_from_db()
    assert (credential.label, credential.reveal()) == ("renamed", SECRET)


def test_the_history_of_changes_says_that_a_key_was_replaced(admin_client, admin_user):
    """A provider's history names who entered a new key, though no column of the provider itself has changed."""
    form = {**PROVIDER, **inline("credentials", {"label": "k", "secret": SECRET, "enabled": "on"})}
    admin_client.post(reverse("admin:providers_provider_add"), form)
    row = Credential.objects.get()
    new = {"id": row.pk, "provider": row.provider_id, "label": "k", "secret": f"{SECRET}-new", "enabled": "on"}
    path = reverse("admin:providers_provider_change", args=(row.provider_id,))
    admin_client.post(path, {**PROVIDER, **inline("credentials", new, initial=1)})
    change = row.provider.history.first()
    assert change.history_user == admin_user
    assert change.history_change_reason.startswith("Changed ") and "credential" in change.history_change_reason
    assert SECRET not in change.history_change_reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"base_url": "ftp://x"}, "http"),
        ({"base_url": "http://169.254.169.254"}, "metadata"),
        ({"preset": "openai-compatible"}, "base URL"),
        ({"headers": '{"Host": "x"}'}, "Host"),
        ({"preset": "vertex-ai"}, "needs the ID of your Google Cloud project"),
        ({"preset": "vertex-claude", "project_id": "p", "location": "Europe"}, "needs a location, such as global"),
        ({"preset": "gemini", "models_offered": '["gemini 3"]'}, "“gemini 3” cannot be asked for"),
        ({"models_offered": '{"a": 1}'}, "as a JSON list"),
        ({"connect_timeout_s": "0"}, "from 0.1 to 86400"),
        ({"idle_timeout_s": "soon"}, "Enter a number"),
    ],
)
def test_an_unusable_provider_is_a_form_error(admin_client, change, words):
    """An address or header that cannot be used is refused on the page, with the reason."""
    page = admin_client.post(reverse("admin:providers_provider_add"), {**PROVIDER, **change, **inline("credentials")})
    assert page.status_code == 200
    assert words in page.content.decode()
    assert not Provider.objects.exists()


def test_a_providers_waits_are_set_on_its_page(admin_client):
    """A wait that is filled in is kept, an empty one stays unset; the page says what empty means."""
    path = reverse("admin:providers_provider_add")
    assert "Empty: as in the router settings" in admin_client.get(path).content.decode()
    form = {**PROVIDER, "first_content_timeout_s": "7.5", "idle_timeout_s": "", **inline("credentials")}
    assert admin_client.post(path, form).status_code == 302
    row = Provider.objects.get()
    assert (row.connect_timeout_s, row.first_content_timeout_s, row.idle_timeout_s) == (None, 7.5, None)


@pytest.mark.parametrize("secret", ["", "   "])
def test_a_new_key_without_a_secret_is_a_form_error(admin_client, secret):
    """An empty or blank key is refused on the page and nothing is stored."""
    form = {**PROVIDER, **inline("credentials", {"label": "k", "secret": secret, "enabled": "on"})}
    page = admin_client.post(reverse("admin:providers_provider_add"), form)
    assert page.status_code == 200
    assert "Enter the API key" in page.content.decode()
    assert not Credential.objects.exists()


def test_deleting_what_is_in_use_is_explained(admin_client):
    """A provider that a mapping needs cannot be deleted, and the page says which."""
    provider = Provider.objects.create(name="main", preset="openai")
    model = LogicalModel.objects.create(name="smart")
    ModelMapping.objects.create(logical_model=model, priority=1, provider=provider, actual_model="gpt-5.2")
    page = admin_client.post(reverse("admin:providers_provider_delete", args=(provider.pk,)), {"post": "yes"})
    assert page.status_code == 200
    assert "gpt-5.2" in page.content.decode()
    assert Provider.objects.exists()


UNUSABLE = [([], "quickstart"), (["nonsense"], "32 bytes, URL-safe base64")]


@pytest.mark.parametrize(("keys", "fix"), UNUSABLE)
def test_without_usable_field_keys_a_new_secret_is_a_form_error(admin_client, settings, keys, fix):
    """The page names CCM_FIELD_KEYS and what to do; neither the provider nor its key is stored."""
    settings.CCM_FIELD_KEYS = keys
    form = {**PROVIDER, **inline("credentials", {"label": "k", "secret": SECRET, "enabled": "on"})}
    page = admin_client.post(reverse("admin:providers_provider_add"), form)
    assert page.status_code == 200
    text = page.content.decode()
    assert "Not stored: CCM_FIELD_KEYS" in text
    assert fix in text
    assert SECRET not in text
    assert not Provider.objects.exists()


@pytest.mark.parametrize(("keys", "fix"), UNUSABLE)
def test_without_usable_field_keys_all_else_can_still_be_changed(admin_client, settings, keys, fix):
    """A new secret for an old credential is refused; the same form without one renames and switches off."""
    provider = Provider.objects.create(name="main", preset="openai")
    row = Credential(provider=provider)
    row.set_secret(SECRET)
    row.save()
    settings.CCM_FIELD_KEYS = keys
    path = reverse("admin:providers_provider_change", args=(provider.pk,))
    kept = {"id": row.pk, "provider": provider.pk, "label": "old", "secret": "another-secret-0"}
    page = admin_client.post(path, {**PROVIDER, **inline("credentials", kept, initial=1)})
    assert fix in page.content.decode()
    answer = admin_client.post(path, {**PROVIDER, **inline("credentials", {**kept, "secret": ""}, initial=1)})
    assert answer.status_code == 302
    before = row.sealed
    row.refresh_from_db()
    assert (row.label, row.enabled, row.sealed) == ("old", False, before)
