"""Accounts as clients meet them: a 401 renews the token once, and other processes' renewals arrive by themselves."""

import json
from dataclasses import replace

import httpx
import pytest

from providers import credentials
from providers.errors import FailureKind, UpstreamFailure
from providers.model_facts import for_model
from providers.models import OAuthToken, Provider
from providers.oauth.held import MEMORY, Memory
from providers.oauth.renewal import renew
from providers.targets import Timeouts
from providers.template import template_of
from proxy import snapshot
from proxy.accounts import opened
from proxy.attempts import Attempt
from proxy.record import AttemptRecord
from tests import cast
from tests.authorization_server import AuthorizationServer
from tests.live import config_of
from tests.providers.oauth import accounts

pytestmark = pytest.mark.django_db(transaction=True)
BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def auth():
    with AuthorizationServer() as server:
        yield server


@pytest.fixture
def flow(auth, monkeypatch):
    accounts.forget()
    yield accounts.use(auth, monkeypatch)
    accounts.forget()


@pytest.fixture
def account(auth, flow, upstream):
    """A target of an account at an upstream that answers by its script."""
    row = accounts.provider(base_url=f"{upstream.url}/script")
    accounts.signed_in(auth, flow, row)
    return for_model(template_of(row, Timeouts(2.0, 2.0, 2.0, 20.0)), "claude-sonnet-5-5")


def post(live, **body):
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(live.url + "/v1/messages", json={**BODY, **body})


def bearers(upstream):
    return [request.headers["authorization"].removeprefix("Bearer ") for request in upstream.requests]


@pytest.mark.parametrize("stream", [True, False])
def test_a_refused_token_is_renewed_and_the_same_target_called_once_more(live, upstream, auth, account, stream):
    """The client sees an answer, the log one attempt, the vendor the old token and then the new one."""
    live.configure(config_of({"smart": [account]}))
    upstream.script(["status/401", "ok"])
    answer = post(live, stream=stream)
    assert answer.status_code == 200
    old, new = bearers(upstream)
    assert old == account.secret.reveal() and auth.accepts(new) and old != new
    assert (auth.refresh_calls, len(live.records[0].attempts)) == (1, 1)
    assert "renewed after a 401" in live.records[0].why
    assert new not in repr(live.records)


def test_a_token_that_is_refused_again_is_a_refused_key(live, upstream, auth, account):
    """One renewal, two calls, then the next target; the account is benched."""
    live.configure(config_of({"smart": [account, cast.target("second", base_url=f"{upstream.url}/ok")]}))
    upstream.script(["status/401", "status/401"])
    assert post(live).headers["x-ccm-provider"] == "second"
    first = live.records[0].attempts[0]
    assert (first.outcome, first.status, auth.refresh_calls) == (FailureKind.REFUSED_KEY.value, 401, 1)
    assert "cooling: claude" in post(live).headers["x-ccm-why"]
    assert len(upstream.requests) == 4


def test_a_refused_key_is_nobodys_sign_in(live, upstream, auth):
    """A provider with an API key is called once, as ever."""
    live.configure(config_of({"smart": [cast.target("keys", base_url=f"{upstream.url}/status/401")]}))
    assert post(live).status_code == 502
    assert (len(upstream.requests), auth.refresh_calls) == (1, 0)


def test_another_processs_renewal_arrives_with_the_next_look(auth, flow):
    """The revision moves with the tokens: the snapshot's next look, a second later at most, brings them."""
    accounts.signed_in(auth, flow)
    snapshot._look()
    try:
        before = snapshot.loaded().providers["claude"].template
        row = OAuthToken.objects.get()
        assert (before.signed_in, before.account, MEMORY.get(row.credential_id).version) == (True, "acct-1", 1)
        renew(row.pk, 1, memory=Memory())
        snapshot._look()
        after = snapshot.loaded().providers["claude"].template
        assert after.secret.reveal() != before.secret.reveal() and auth.accepts(after.secret.reveal())
        row = OAuthToken.objects.select_related("credential").get()
        assert {row.reveal_access(), row.reveal_refresh()} <= set(snapshot.loaded().secrets)
        assert row.reveal_refresh() not in repr(snapshot.loaded())
    finally:
        snapshot.stop()


def test_accounts_that_are_configured_no_more_leave_memory(auth, flow):
    """A disabled provider's token is forgotten, and nobody renews it."""
    accounts.signed_in(auth, flow)
    snapshot.load()
    assert MEMORY
    Provider.objects.update(enabled=False)
    snapshot.load()
    assert not MEMORY


def test_two_accounts_are_two_keys_of_their_provider(auth, flow):
    """Each account is a key with its own token, account and project; keys and accounts mix."""
    row = accounts.provider(project_id="")
    accounts.signed_in(auth, flow, row, account_id="a", project="pa")
    accounts.signed_in(auth, flow, row, account_id="b", project="pb")
    found = template_of(row, Timeouts()).with_each_key()
    assert [(one.account, one.project, one.signed_in) for one in found] == [("a", "pa", True), ("b", "pb", True)]
    assert found[0].secret.reveal() != found[1].secret.reveal()
    assert found[0].own_headers()["authorization"] == f"Bearer {found[0].secret.reveal()}"


def test_an_account_that_nobody_has_signed_in_says_where_to(auth, flow):
    """Before the first sign-in, and after the last token, the problem names the page."""
    credential = accounts.signed_in(auth, flow)
    page = f"/admin/providers/provider/{credential.provider_id}/change/"
    OAuthToken.objects.update(state=OAuthToken.NEEDS_SIGN_IN, version=2, last_error="it was revoked")
    assert template_of(credential.provider, Timeouts()).problem == ""  # its token is still good
    OAuthToken.objects.update(version=3, lifetime_s=0, expires_at="2026-01-01T00:00:00Z")
    assert template_of(credential.provider, Timeouts()).problem == f"sign in again: {page} (it was revoked)"
    OAuthToken.objects.update(access="")
    assert template_of(credential.provider, Timeouts()).problem == f"sign in first: {page}"


def test_a_token_that_the_upstream_quotes_is_shown_to_nobody(live, upstream, auth, account):
    """A token newer than the request's configuration is taken out of the error, for the client and for the log."""
    live.configure(config_of({"smart": [replace(account, base_url=f"{upstream.url}/play")]}))
    row = OAuthToken.objects.get()
    new = renew(row.pk, 1).access.reveal()
    said = {"type": "error", "error": {"type": "invalid_request_error", "message": f"bad token {new}"}}
    upstream.play(json.dumps(said).encode(), 400, "application/json")
    answer = post(live)
    assert bearers(upstream) == [new]
    assert "bad token [secret removed]" in answer.text
    assert new not in answer.text + repr(dict(answer.headers)) + repr(live.records)


async def test_a_drilled_401_renews_nobody(monkeypatch):
    """A drill is for one client alone: what it pretends has no account's token renewed."""
    asked = []

    async def renewed(target):
        asked.append(target)

    async def runner(_, entry):
        entry.status, entry.drill = 401, 1
        raise UpstreamFailure(cast.failure("refused_key", status=401))

    monkeypatch.setattr(credentials, "renewed", renewed)
    entry = AttemptRecord(1, "main", "glm-4.6", started_ms=0)
    with pytest.raises(UpstreamFailure):
        await opened(None, runner)(Attempt(cast.target(), 1, 0.0, True), entry)
    assert asked == []
