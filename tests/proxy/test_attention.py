"""Credentials that need somebody."""

from datetime import UTC, datetime, timedelta

import pytest

from providers.models import Credential, OAuthToken, Provider
from proxy.attention import needing_attention
from proxy.models import HealthState
from tests.providers.oauth import accounts

pytestmark = pytest.mark.django_db


def key(provider, secret="sk-canary-0123456789", **fields):
    credential = Credential(provider=provider, **fields)
    credential.set_secret(secret)
    credential.save()
    return credential


def bench(credential, kind, hours=1, **fields):
    now = datetime.now(UTC)
    HealthState.objects.create(
        provider=credential.provider.name, credential_id=credential.pk, kind=kind, since=now, failed_at=now, stamp=1,
        until=now + timedelta(hours=hours), **fields,
    )  # fmt: skip


def kinds():
    return [(found.kind, found.provider, found.credential_id) for found in needing_attention()]


def test_where_all_is_well_nothing_is_told(auth, flow):
    """Good keys and accounts, vendors that need no key, and what is switched off."""
    key(Provider.objects.create(name="keys", preset="openai"))
    accounts.signed_in(auth, flow)
    Provider.objects.create(name="local", preset="ollama")
    Provider.objects.create(name="by hand", preset="openai", headers={"Authorization": "Bearer x"})
    off = Provider.objects.create(name="off", preset="openai", enabled=False)
    key(off, enabled=False)
    Provider.objects.create(name="unknown", preset="gone")
    assert needing_attention() == []


def test_providers_that_nothing_opens_are_told():
    """Without a key, or with none that is switched on; the fix names the ways there are."""
    claude = Provider.objects.create(name="claude", preset="anthropic")
    openai = Provider.objects.create(name="openai", preset="openai")
    key(openai, enabled=False)
    assert kinds() == [("no_key", "claude", None), ("no_key", "openai", None)]
    first, second = needing_attention()
    assert "Sign in" in first.fix and "Sign in" not in second.fix
    assert (first.words, second.words) == (
        "nothing opens it: it needs a key or sign-in", "nothing opens it: it needs a key"
    )  # fmt: skip
    assert (first.provider_id, second.provider_id) == (claude.pk, openai.pk)


def test_what_cannot_be_unsealed_is_told(auth, flow, settings):
    """Keys and accounts that the field keys no longer open, each once, with no secret in the words."""
    first = key(Provider.objects.create(name="keys", preset="openai"))
    second = accounts.signed_in(auth, flow)
    bench(first, "refused_key")
    settings.CCM_FIELD_KEYS = ["bmV3LWtleS1uZXcta2V5LW5ldy1rZXktbmV3LWtleSE="]
    assert kinds() == [("unsealable", "claude", second.pk), ("unsealable", "keys", first.pk)]
    account, _ = needing_attention()
    assert account.is_account and "sign in again" in account.fix and "CCM_FIELD_KEYS" in account.words


@pytest.mark.parametrize(
    ("changes", "kind", "words", "fix"),
    [
        ({"state": "needs_sign_in", "last_error": "400 invalid_grant"}, "sign_in", "invalid_grant", "Sign in again"),
        ({"access": "", "state": "needs_sign_in"}, "sign_in", "nobody has signed in", "Sign in again"),
        ({"last_error": "set the project ID"}, "sign_in", "set the project ID", "name a setting"),
        ({"failures": 3, "last_error": "500"}, "refresh", "cannot be renewed: 500", "tried again by itself"),
        ({"failures": 3, "expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "refresh", "renewed", "token is over"),
    ],
)
def test_accounts_that_need_somebody_are_told(auth, flow, changes, kind, words, fix):
    """To be signed in, without a project, or not renewed; with what has happened and what to do."""
    credential = accounts.signed_in(auth, flow)
    OAuthToken.objects.update(**changes)
    (found,) = needing_attention()
    assert (found.kind, found.credential_id, found.credential) == (kind, credential.pk, credential.label)
    assert words in found.words and fix in found.fix


def test_an_account_that_nobody_ever_signed_in_is_told():
    """As a configuration file leaves it."""
    row = accounts.provider()
    credential = Credential.objects.create(provider=row, kind=Credential.OAUTH)
    assert kinds() == [("sign_in", "claude", credential.pk)]


def test_keys_that_the_vendor_refuses_are_told(auth, flow):
    """Refused and used-up credentials, once each and while it lasts; a slow vendor is no matter of its key."""
    row = Provider.objects.create(name="keys", preset="openai")
    refused, spent, slow, old = (key(row, label=name) for name in ("refused", "spent", "slow", "old"))
    account = accounts.signed_in(auth, flow)
    bench(refused, "refused_key", words="401 no such key", actual_model="")
    bench(refused, "refused_key", actual_model="m")
    bench(spent, "quota")
    bench(slow, "overloaded")
    bench(old, "refused_key", hours=-1)
    bench(account, "refused_key")
    assert kinds() == [
        ("refused", "claude", account.pk), ("refused", "keys", refused.pk), ("quota", "keys", spent.pk)
    ]  # fmt: skip
    first, second, third = needing_attention()
    assert "Sign in again" in first.fix and second.words == "401 no such key" and "API key again" in second.fix
    assert "tried again at" in third.fix


def test_the_number_of_queries_does_not_grow(django_assert_max_num_queries):
    """However many providers there are."""
    for number in range(5):
        key(Provider.objects.create(name=f"p{number}", preset="openai"))
    with django_assert_max_num_queries(4):
        needing_attention()
