"""What a provider still needs before it can be called at all."""

import pytest

from providers.models import Credential, OAuthToken, Provider
from proxy.setup.lack import lack_of

pytestmark = pytest.mark.django_db


def key(row, **fields):
    credential = Credential(provider=row, **fields)
    credential.set_secret("sk-canary-0123456789")
    credential.save()


def account(row, **tokens):
    credential = Credential.objects.create(provider=row, kind=Credential.OAUTH)
    if tokens:
        OAuthToken.objects.create(credential=credential, flow="anthropic", **tokens)


@pytest.mark.parametrize(
    ("preset", "headers", "words"),
    [
        ("openai", {}, "needs a key"),
        ("anthropic", {}, "needs a key or sign-in"),
        ("codex", {}, "needs sign-in"),
        ("code-assist", {}, "needs sign-in"),
        ("nobody", {}, ""),
        ("ollama", {}, ""),
        ("echo", {}, ""),
        ("vertex-ai", {}, ""),
        ("openai", {"Authorization": "Bearer x"}, ""),
    ],
)
def test_what_each_preset_needs(preset, headers, words):
    """Without a credential: what the preset says; a header that signs in is enough."""
    assert lack_of(Provider.objects.create(name="main", preset=preset, headers=headers)) == words


def test_a_key_is_enough_unless_it_is_switched_off():
    """Only enabled keys count."""
    row = Provider.objects.create(name="main", preset="openai")
    key(row, enabled=False)
    assert lack_of(row) == "needs a key"
    key(row)
    assert lack_of(row) == ""


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ({}, "needs sign-in"),
        ({"state": OAuthToken.NEEDS_SIGN_IN, "access": "sealed"}, "needs sign-in"),
        ({"state": OAuthToken.ACTIVE, "access": ""}, "needs sign-in"),
        ({"state": OAuthToken.ACTIVE, "access": "sealed"}, ""),
    ],
)
def test_an_account_counts_while_somebody_is_signed_in(tokens, words):
    """An account that waits for a sign-in opens nothing; a key beside it does."""
    row = Provider.objects.create(name="main", preset="anthropic")
    account(row, **tokens)
    assert lack_of(row) == words
    key(row)
    assert lack_of(row) == ""
