"""Trying one account, and renewing its token by hand."""

import pytest

from providers.models import Credential, OAuthToken
from proxy.account_trials import refreshed, tried
from tests.providers.oauth import accounts

pytestmark = pytest.mark.django_db


def test_the_call_carries_the_token_of_that_account(auth, flow, upstream):
    """Of several accounts the one that is asked for; the answer is told with its time."""
    row = accounts.provider(base_url=f"{upstream.url}/claude_account")
    accounts.signed_in(auth, flow, row, account_id="a")
    second = accounts.signed_in(auth, flow, row, account_id="b", account_label="b@example.com")
    ok, words = tried(second)
    assert ok and words.startswith("b@example.com: ") and words.endswith(" ms.")
    asked = [request.headers["authorization"] for request in upstream.requests]
    assert set(asked) == {f"Bearer {second.oauth.reveal_access()}"}


def test_a_refusal_is_told_without_the_token(auth, flow, upstream):
    """With the vendor's words, and what to do."""
    row = accounts.provider(base_url=f"{upstream.url}/echo-key")
    account = accounts.signed_in(auth, flow, row)
    ok, words = tried(account)
    assert not ok and "failed, 401" in words and "Sign in again" in words
    for token in OAuthToken.objects.select_related("credential"):
        assert token.reveal_access() not in words


def test_what_is_not_used_is_not_called(auth, flow, upstream):
    """An account that is switched off, a preset that is gone, an account without a token."""
    row = accounts.provider(base_url=upstream.url)
    account = accounts.signed_in(auth, flow, row)
    account.enabled = False
    account.save()
    assert "switch it" in tried(account)[1]
    named = Credential.objects.create(provider=row, kind=Credential.OAUTH, label="named")
    assert refreshed(named) == (False, "named has no token yet: sign in first.")
    assert not upstream.requests


def test_a_token_server_in_trouble_leaves_the_old_token(auth, flow):
    """It is told, and the account goes on."""
    account = accounts.signed_in(auth, flow)
    auth.fault("503")
    ok, words = refreshed(account)
    assert not ok and "503" in words and words.endswith("The old token is kept.")
    assert auth.accepts(OAuthToken.objects.select_related("credential").get().reveal_access())
