"""Which keys somebody must see to."""

import pytest
from django.utils import timezone

from providers.models import Credential, Provider
from proxy.models import HealthState
from proxy.pages.attention import concerns

pytestmark = pytest.mark.django_db


def provider(name="main", *keys, preset="openai", **fields):
    row = Provider.objects.create(name=name, preset=preset, **fields)
    for number, key in enumerate(keys):
        credential = Credential(provider=row, label=f"key {number}")
        credential.set_secret(key)
        credential.save()
    return row


def cooling(row, kind, key=0, model=""):
    now = timezone.now()
    HealthState.objects.create(
        provider=row.name,
        actual_model=model,
        credential_id=key,
        kind=kind,
        since=now,
        failed_at=now,
        until=now,
        stamp=1,
    )


def told():
    return [(concern.provider, concern.what) for concern in concerns()]


def test_what_is_in_order_is_no_concern():
    """A key that unseals, a server that needs none, a key in a header, a model that cools: nothing to see to."""
    cooling(provider("main", "sk-canary-0123456789"), "overloaded", model="m")
    provider("own", preset="ollama")
    provider("header", headers={"Authorization": "Bearer sk-canary-0123456789"})
    assert concerns() == []


def test_a_provider_without_the_key_it_needs_is_one():
    """Also when its keys are all switched off; one that is disabled itself is nobody's concern."""
    row = provider("main", "sk-canary-0123456789")
    row.credentials.update(enabled=False)
    provider("off", enabled=False)
    [concern] = concerns()
    assert (concern.provider, concern.what) == ("main", "no API key is set; add one to the provider")
    assert concern.url == f"/admin/providers/provider/{row.pk}/change/"


def test_a_key_that_does_not_unseal_is_one_even_beside_a_good_one():
    """Which key it is and what to do; never the key."""
    row = provider("main", "sk-canary-0123456789", "sk-canary-9876543210")
    row.credentials.filter(label="key 1").update(sealed="gibberish")
    [(name, what)] = told()
    assert name == "main"
    assert what.startswith("key 1 (…3210): the secret cannot be decrypted")
    assert "canary" not in what


def test_an_account_that_nobody_has_signed_in_is_one():
    """It has no key to unseal: what is missing is the sign-in, and where that is done."""
    row = provider("main", preset="anthropic")
    Credential.objects.create(provider=row, kind=Credential.OAUTH, label="account")
    [(name, what)] = told()
    assert (name, what) == ("main", f"account: sign in first: /admin/providers/provider/{row.pk}/change/")


@pytest.mark.parametrize(("kind", "words"), [("refused_key", "set it anew"), ("quota", "no credit left")])
def test_a_key_that_the_vendor_refuses_is_one(kind, words):
    """By its name where it is known, else as the provider's key; told once for all of its models."""
    row = provider("main", "sk-canary-0123456789")
    cooling(row, kind, row.credentials.get().pk)
    cooling(row, kind, row.credentials.get().pk, model="m")
    [(name, what)] = told()
    assert (name, what.partition(":")[0]) == ("main", "key 0 (…6789)")
    assert words in what
    HealthState.objects.filter(actual_model="").update(credential_id=0)
    assert [what.partition(":")[0] for _, what in told()] == ["its key", "key 0 (…6789)"]


def test_health_of_what_is_gone_or_disabled_is_none():
    """Nobody needs to mend the key of a provider that is not used."""
    row = provider("off", "sk-canary-0123456789", enabled=False)
    cooling(row, "quota", row.credentials.get().pk)
    assert concerns() == []


def test_an_unknown_preset_is_one():
    """A row from a newer version: say so."""
    provider("main", preset="from the future")
    assert told() == [("main", "its preset “from the future” is unknown: choose another")]
