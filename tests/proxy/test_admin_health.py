"""The list of what is cooling, its reset, and the line on a provider's page."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from providers.models import Credential, Provider
from proxy.models import HealthState

pytestmark = pytest.mark.django_db
LIST = "admin:proxy_healthstate_changelist"


def state(model="gpt-5.2", seconds=300, **fields):
    now = timezone.now()
    fields = {"kind": "rate_limited", "words": "<b>slow down</b>", "provider": "main", "stamp": 1, **fields}
    return HealthState.objects.create(
        actual_model=model, since=now, failed_at=now, until=now + timedelta(seconds=seconds), **fields
    )


@pytest.fixture
def provider():
    row = Provider.objects.create(name="main", preset="openai")
    credential = Credential(provider=row)
    credential.set_secret("sk-canary-0123456789")
    credential.save()
    return row


def test_an_empty_list_says_what_it_is_for(admin_client):
    """Where nothing has failed the page explains what would be there."""
    assert "No failures yet" in admin_client.get(reverse(LIST)).content.decode()


def test_the_list_shows_models_and_keys(admin_client, provider):
    """Model or key, kind, words and time are there; the words are text, never markup."""
    key = provider.credentials.get()
    state(streak=3)
    state("", credential_id=key.pk, kind="refused_key")
    state("old", seconds=-5)
    state("", credential_id=key.pk + 99)
    state("shared", credential_id=key.pk)
    text = admin_client.get(reverse(LIST)).content.decode()
    assert f"shared by {key}" in text and "key API key" not in text
    for told in ("gpt-5.2", "rate limited", "…6789", "refused key", "a key that is gone", "the next request tries it"):
        assert told in text
    assert re.search(r"bg-red-100[^<]*>\s*refused key", text) and re.search(r"bg-orange-100[^<]*>\s*rate limited", text)
    assert "&lt;b&gt;slow down" in text and "<b>slow" not in text
    assert "sk-canary" not in text


def post_reset(client, *rows):
    return client.post(reverse(LIST), {"action": "reset", "_selected_action": [row.pk for row in rows]}, follow=True)


def test_a_reset_removes_the_chosen_rows(admin_client, provider):
    """Only what was chosen is forgiven, and the page says so."""
    chosen, other = state(), state("other")
    assert "Reset: 1 cooldown forgotten." in post_reset(admin_client, chosen).content.decode()
    assert list(HealthState.objects.all()) == [other]


def test_who_may_only_look_cannot_reset(client, django_user_model):
    """Without the right to delete health there is no such action."""
    user = django_user_model.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_healthstate"))
    client.force_login(user)
    row = state()
    assert client.get(reverse(LIST)).status_code == 200
    post_reset(client, row)
    assert HealthState.objects.count() == 1


def test_rows_are_read_only(admin_client):
    """Nobody adds health by hand."""
    assert admin_client.get(reverse("admin:proxy_healthstate_add")).status_code == 403


def test_a_providers_page_tells_its_health(admin_client, provider):
    """The page of a provider says what of it is cooling, or that nothing is; a new one says nothing."""
    path = reverse("admin:providers_provider_change", args=(provider.pk,))
    assert "Healthy: nothing of it is cooling." in admin_client.get(path).content.decode()
    for number in range(6):
        state(f"m{number}")
    state("", credential_id=provider.credentials.get().pk, kind="refused_key", seconds=900)
    text = admin_client.get(path).content.decode()
    assert "API key (…6789) (refused key), " in text and "and 2 more" in text
    HealthState.objects.update(until=timezone.now())
    assert "To be tried: nothing of it cools any more" in admin_client.get(path).content.decode()
    new = admin_client.get(reverse("admin:providers_provider_add")).content.decode()
    assert "cooling" not in new.lower() and "step by step" in new


def test_a_provider_that_cannot_be_called_is_not_called_healthy(admin_client, provider):
    """Its page says so as its list does: switched off, or without anything that opens it."""
    path = reverse("admin:providers_provider_change", args=(provider.pk,))
    Provider.objects.update(preset="openai")
    Credential.objects.all().delete()
    assert "It needs a key before it can be called." in admin_client.get(path).content.decode()
    Provider.objects.update(enabled=False)
    assert "Switched off: every mapping skips it." in admin_client.get(path).content.decode()


@pytest.mark.parametrize("saved", ["provider", "key"])
def test_a_provider_that_is_mended_starts_anew(provider, saved):
    """Saving a provider or a key of it forgives what was held against it, and nobody else."""
    state()
    other = state(provider="other")
    (provider if saved == "provider" else provider.credentials.get()).save()
    assert list(HealthState.objects.all()) == [other]
