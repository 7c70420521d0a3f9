"""What a target is called with: keys pass through, accounts get the token of this moment."""

import asyncio
from dataclasses import replace

import pytest
from django.db import connection

from providers import credentials, google_adc
from providers.errors import FailureKind, UpstreamFailure
from providers.models import OAuthToken
from providers.oauth import keeper
from providers.oauth.held import MEMORY
from providers.oauth.keeper import KEEPER
from providers.targets import Secret, Timeouts
from providers.template import template_of
from tests.authorization_server import AuthorizationServer
from tests.cast import target
from tests.providers.oauth import accounts

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def auth():
    with AuthorizationServer() as server:
        yield server


@pytest.fixture
def account(auth, monkeypatch):
    """A target of an account whose token is good for an hour."""
    accounts.forget()
    flow = accounts.use(auth, monkeypatch)
    row = accounts.provider()
    accounts.signed_in(auth, flow, row)
    yield template_of(row, Timeouts())
    accounts.forget()


def age(monkeypatch, seconds):
    """Both clocks of the tokens in memory are so much later."""
    import time

    monkeypatch.setattr(MEMORY, "_wall", lambda: time.time() + seconds)
    monkeypatch.setattr(MEMORY, "_mono", lambda: time.monotonic() + seconds)


async def test_a_key_and_a_good_token_pass_without_a_look_at_the_database(account):
    """The hot path reads memory: no query (Django allows none on an event loop), no thread, the very same target."""
    key = target()
    assert await credentials.ready(key) is key
    assert await credentials.ready(account) is account
    assert account.signed_in and KEEPER._pool is None


async def test_a_request_with_an_old_configuration_gets_the_token_of_now(account, auth):
    """After a renewal a target made before it is opened with the new token; a refusal asks nobody."""
    old = account.secret.reveal()
    fresh = await credentials.renewed(account)
    assert fresh is not None and auth.accepts(fresh.secret.reveal()) and fresh.secret.reveal() != old
    assert (await credentials.ready(account)).secret.reveal() == fresh.secret.reveal()
    again = await credentials.renewed(account)
    assert again.secret.reveal() == fresh.secret.reveal() and auth.refresh_calls == 1


async def test_sixty_requests_at_the_end_of_a_token_wait_for_one_renewal(account, auth, monkeypatch):
    """All are served with the same fresh token after one call, and one that leaves takes nobody along."""
    auth.fault("slow")
    age(monkeypatch, 3601)
    leaver = asyncio.create_task(credentials.ready(account))
    waiting = [asyncio.create_task(credentials.ready(account)) for _ in range(59)]
    await asyncio.sleep(0.05)
    leaver.cancel()
    served = await asyncio.gather(*waiting)
    assert len({one.secret.reveal() for one in served}) == 1
    assert (auth.refresh_calls, auth.reused, auth.counted("refresh_token", 200)) == (1, 0, 1)


async def test_sixty_refusals_make_one_renewal(account, auth):
    """A 401 of the same token for many requests is one forced renewal for all."""
    fresh = await asyncio.gather(*(credentials.renewed(account) for _ in range(60)))
    assert len({one.secret.reveal() for one in fresh}) == 1
    assert auth.refresh_calls == 1


async def test_a_good_token_stays_in_use_while_the_token_server_fails(account, auth, monkeypatch):
    """A due token is renewed in the background; failures cost no request anything."""
    auth.fault("500", times=9)
    age(monkeypatch, 3400)
    KEEPER.tick()
    for _ in range(100):
        if KEEPER._failed:
            break
        await asyncio.sleep(0.02)
    KEEPER.tick()  # in its pause: no further call
    assert (await credentials.ready(account)).secret.reveal() == account.secret.reveal()
    assert auth.refresh_calls == 1


async def test_a_due_token_is_renewed_by_the_tick(account, auth, monkeypatch):
    """What is due is renewed without any request."""
    age(monkeypatch, 3301)
    KEEPER.tick()
    KEEPER.tick()
    await asyncio.to_thread(KEEPER.stop)
    assert auth.refresh_calls == 1
    assert MEMORY.get(account.credential_id).version == 2


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [("invalid_grant", FailureKind.REFUSED_KEY, "sign in again"), ("500", FailureKind.OVERLOADED, "500")],
)
async def test_a_token_that_is_over_and_not_renewed_is_a_failure(account, auth, monkeypatch, fault, kind, words):
    """A refused grant counts as a refused key, a server in trouble as one that may recover; many ask once."""
    auth.fault(fault, times=9)
    age(monkeypatch, 3601)
    for _ in range(3):
        with pytest.raises(UpstreamFailure, match=words) as caught:
            await credentials.ready(account)
        assert caught.value.failure.kind is kind
    assert auth.refresh_calls == 1
    assert await credentials.renewed(account) is None


async def test_the_wait_of_a_request_is_bounded(account, auth, monkeypatch):
    """A token server that hangs costs a request its patience and no more."""
    monkeypatch.setattr(keeper, "PATIENCE_S", 0.1)
    auth.fault("hang")
    age(monkeypatch, 3601)
    with pytest.raises(UpstreamFailure, match="not renewed within"):
        await credentials.ready(account)
    auth.released.set()


def elsewhere():
    """Another process renews the account."""
    try:
        sealed = OAuthToken.objects.select_related("credential").get().sealed("from-elsewhere", "refresh-elsewhere")
        OAuthToken.objects.update(version=2, **sealed)
    finally:
        connection.close()


async def test_a_refused_token_looks_first_whether_another_process_has_renewed_it(account, auth):
    """The row has moved on: its token is taken, and the token server is not asked."""
    await asyncio.to_thread(elsewhere)
    fresh = await credentials.renewed(account)
    assert fresh.secret.reveal() == "from-elsewhere" and auth.refresh_calls == 0


async def test_googles_own_credentials_become_a_token_and_once_another(monkeypatch):
    """A provider on Vertex AI without a key is opened with the machine's token; a refused one is replaced."""
    tokens = iter(["first", "second"])

    async def with_token(target):
        return replace(target, secret=Secret(next(tokens)))

    monkeypatch.setattr(google_adc, "with_token", with_token)
    monkeypatch.setattr(google_adc, "renewed", with_token)
    vertex = target(preset="vertex-ai", secret=Secret(""), project="p", location="eu")
    opened = await credentials.ready(vertex)
    assert opened.secret.reveal() == "first"
    assert (await credentials.renewed(opened)).secret.reveal() == "second"


async def test_what_is_no_account_of_this_process_is_left_alone(account):
    """Keys, targets with a problem and accounts that are gone stay as they are and have no other secret."""
    gone = replace(account, credential_id=999)
    told = replace(account, problem="sign in first", secret=Secret(""))
    assert await credentials.ready(gone) is gone and await credentials.ready(told) is told
    assert await credentials.renewed(gone) is None and await credentials.renewed(target()) is None
