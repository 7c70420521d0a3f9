"""Renewing against a real token server: what is saved, who gives up, and what never happens twice."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from providers.models import OAuthToken
from providers.oauth import lease, renewal
from providers.oauth.held import MEMORY
from providers.oauth.renewal import RenewalFailed, renew
from proxy.models import ConfigRevision
from tests.authorization_server import _Handler
from tests.providers.oauth import accounts

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(auth, flow):
    return accounts.signed_in(auth, flow).oauth


def again():
    return OAuthToken.objects.select_related("credential").get()


def at(monkeypatch, seconds):
    """The wall clock of leases is so many seconds off from now on."""
    monkeypatch.setattr(lease, "now", lambda: datetime.now(UTC) + timedelta(seconds=seconds))


def test_a_renewal_saves_both_tokens_and_tells_the_others(auth, row):
    """The fresh pair is stored over the old version, the server takes the access token, and the revision moves."""
    revision, old = ConfigRevision.current(), row.reveal_access()
    held = renew(row.pk, 1)
    now = again()
    assert (now.version, now.state, now.failures, now.lease_owner, now.refresh_started_at) == (2, "active", 0, "", None)
    assert auth.accepts(now.reveal_access()) and now.reveal_access() != old
    assert held.access.reveal() == now.reveal_access() and MEMORY.get(row.credential_id) is held
    assert (auth.refresh_calls, auth.reused, now.account_label) == (1, 0, "user@example.com")
    assert ConfigRevision.current() > revision
    assert renew(row.pk, 2).version == 3
    assert (auth.refresh_calls, auth.reused) == (2, 0)


def test_whoever_has_an_old_version_takes_the_new_one_without_a_call(auth, row):
    """A refusal of an old token only needs a look at the row."""
    renew(row.pk, 1)
    assert renew(row.pk, 1, forced=True).version == 2
    assert auth.refresh_calls == 1


def test_a_vendor_that_gives_no_new_refresh_token_keeps_the_old_one(auth, row, monkeypatch):
    """An answer without a refresh token, as Google's, leaves the stored one in force."""
    old = row.reveal_refresh()
    real = _Handler._json

    def without(self, status, value, *headers):
        return real(self, status, {name: part for name, part in value.items() if name != "refresh_token"}, *headers)

    monkeypatch.setattr(_Handler, "_json", without)
    renew(row.pk, 1)
    assert again().reveal_refresh() == old


@pytest.mark.parametrize(
    ("fault", "words"),
    [("500", "500"), ("503", "503"), ("429", "429"), ("html", "HTML page"), ("garbage", "cannot be used")],
)
def test_a_token_server_in_trouble_is_left_alone_for_a_while(auth, row, fault, words, monkeypatch):
    """The old token stays, and the pause doubles: 5 s, 10 s; after it a call heals everything."""
    auth.fault(fault, times=2)
    for later, pause in ((0, 5), (6, 10)):
        at(monkeypatch, later)
        with pytest.raises(RenewalFailed, match=words) as caught:
            renew(row.pk, 1)
        assert not caught.value.dead and caught.value.wait_s == pytest.approx(pause, abs=1)
        with pytest.raises(RenewalFailed, match="tried again in"):
            renew(row.pk, 1)
    now = again()
    assert (now.version, now.state, now.failures, now.lease_owner) == (1, "active", 2, "")
    assert words in now.last_error and now.reveal_access() == row.reveal_access()
    assert auth.refresh_calls == 2
    at(monkeypatch, 17)
    assert renew(row.pk, 1).version == 2
    assert (again().failures, again().last_error) == (0, "")


def test_the_pause_between_calls_ends_at_ten_minutes(row):
    """However often a server has failed, it is called again after ten minutes; a failure of the future is none."""
    row.failed_at = lease.now()
    for failures, pause in ((0, 0), (1, 5), (2, 10), (5, 80), (8, 600), (4000, 600)):
        row.failures = failures
        assert lease.wait_s(row) == pytest.approx(pause, abs=1)
    row.failed_at = lease.now() + timedelta(days=1)
    assert lease.wait_s(row) == 0


def test_a_token_server_that_hangs_costs_its_limit_only(auth, row, monkeypatch):
    """The call is given up before the lease is over."""
    assert lease.CALL_S < lease.LEASE_S
    monkeypatch.setattr(lease, "CALL_S", 0.2)
    auth.fault("hang")
    with pytest.raises(RenewalFailed, match="no answer"):
        renew(row.pk, 1)
    assert again().lease_owner == ""


def test_a_refused_grant_means_signing_in_again(auth, row):
    """`invalid_grant` over an unchanged row marks the account; nobody asks again, and the tokens are kept."""
    auth.fault("invalid_grant")
    revision = ConfigRevision.current()
    with pytest.raises(RenewalFailed, match="invalid_grant") as caught:
        renew(row.pk, 1)
    assert caught.value.dead
    assert (again().state, again().version) == ("needs_sign_in", 1)
    assert again().reveal_access() == row.reveal_access()
    assert ConfigRevision.current() > revision
    with pytest.raises(RenewalFailed) as caught:
        renew(row.pk, 1)
    assert caught.value.dead and auth.refresh_calls == 1


def test_a_grant_refused_because_another_was_faster_is_no_loss(auth, row, monkeypatch):
    """Before giving up the row is read again: if it has moved on, its token is used and nothing is cleared."""
    real = renewal._asked

    def raced(mine):
        # Another process takes over (our lease ended) and saves, then our call goes out with the spent token.
        OAuthToken.objects.update(lease_until=None, lease_owner="")
        monkeypatch.setattr(renewal, "_asked", real)
        renew(row.pk, 1)
        return real(mine)

    monkeypatch.setattr(renewal, "_asked", raced)
    held = renew(row.pk, 1)
    assert held.version == 2 and again().state == "active"
    assert held.access.reveal() == again().reveal_access()
    assert [call.status for call in auth.calls] == [200, 400]


def test_a_lost_answer_is_asked_for_again_with_the_old_token_within_the_servers_grace(auth, row, monkeypatch):
    """The server has rotated and nobody knows: with a grace of 30 s the next call heals it."""
    auth.grace_s = 30
    auth.fault("lost")
    with pytest.raises(RenewalFailed, match="closed the connection"):
        renew(row.pk, 1)
    at(monkeypatch, 6)
    assert renew(row.pk, 1).version == 2
    assert auth.accepts(again().reveal_access())


def test_a_lost_answer_without_a_grace_means_signing_in_again(auth, row, monkeypatch):
    """Without a grace it cannot be undone: the account is marked, and the words say what happened."""
    auth.fault("lost")
    with pytest.raises(RenewalFailed):
        renew(row.pk, 1)
    at(monkeypatch, 6)
    with pytest.raises(RenewalFailed, match="invalid_grant") as caught:
        renew(row.pk, 1)
    assert caught.value.dead and again().state == "needs_sign_in"


def test_a_holder_that_died_is_followed_by_another_with_the_same_token(auth, row, monkeypatch, caplog):
    """While the lease runs others wait; when it is over one of them takes it, and an earlier end is told in the log."""
    assert lease.take(row)
    waited = []
    at(monkeypatch, 0)

    def pause(seconds):
        waited.append(seconds)
        at(monkeypatch, 11 if len(waited) == 3 else 0)

    assert renew(row.pk, 1, pause=pause).version == 2
    assert (len(waited), auth.refresh_calls, auth.reused) == (3, 1, 0)
    assert "an earlier renewal was cut off" in caplog.text


def test_a_lease_from_before_the_clock_was_set_back_holds_nobody_up(row, monkeypatch):
    """A lease that seems to end in a day is no lease."""
    at(monkeypatch, 86_400)
    assert lease.take(row)
    at(monkeypatch, 0)
    assert lease.take(row)


def test_the_first_of_many_gets_the_lease(row):
    """Of those who have seen the same version one gets the lease; with another version nobody does."""
    assert [bool(lease.take(row)) for _ in range(5)] == [True, False, False, False, False]
    row.version = 7
    assert not lease.take(row)


def test_an_answer_that_came_after_the_lease_is_still_saved(row):
    """Nobody has saved over the version, so these tokens are the newest there are; a second save finds it changed."""
    from providers.oauth.tokens import Tokens
    from providers.targets import Secret

    assert lease.take(row)
    OAuthToken.objects.update(lease_owner="somebody-else", state=OAuthToken.NEEDS_SIGN_IN)
    tokens = Tokens(Secret("late"), Secret("later"), 60.0)
    assert lease.save(row, tokens)
    assert (again().reveal_access(), again().state, again().version) == ("late", "active", 2)
    assert not lease.save(row, tokens)


def test_a_token_that_was_just_renewed_is_not_renewed_because_it_is_refused(auth, row):
    """An account whose fresh token is refused has another trouble: one forced renewal, then none for 30 s."""
    renew(row.pk, 1, forced=True)
    with pytest.raises(RenewalFailed, match="a moment ago"):
        renew(row.pk, 2, forced=True)
    assert auth.refresh_calls == 1


def test_fresh_tokens_are_stored_when_the_database_is_back(auth, row, monkeypatch, caplog):
    """The old tokens are spent: a save that fails is tried again."""
    real, tries = lease.save, []
    monkeypatch.setattr(renewal.connection, "close", lambda: None)
    monkeypatch.setattr(renewal, "RETRY_S", 0.0)

    def failing(*args):
        tries.append(args)
        if len(tries) < 3:
            raise OperationalError("gone")
        return real(*args)

    monkeypatch.setattr(lease, "save", failing)
    assert renew(row.pk, 1).version == 2
    assert len(tries) == 3 and auth.refresh_calls == 1
    assert "cannot be stored yet" in caplog.text


def test_a_database_that_is_away_is_a_failure_that_may_pass(row, monkeypatch):
    """Without the row nobody is called, and nothing is given up."""

    def away(_):
        raise OperationalError("connection to 10.1.2.3 failed")

    monkeypatch.setattr(lease, "look", away)
    monkeypatch.setattr(renewal.connection, "close", lambda: None)
    with pytest.raises(RenewalFailed, match=r"database cannot be used \(OperationalError\)") as caught:
        renew(row.pk, 1)
    assert not caught.value.dead


def test_others_that_hold_on_too_long_are_not_waited_for_for_ever(row, monkeypatch):
    """A lease that is renewed again and again ends the wait with words."""
    monkeypatch.setattr(renewal, "WAIT_S", 0.05)
    assert lease.take(row)
    with pytest.raises(RenewalFailed, match="another process"):
        renew(row.pk, 1, pause=lambda _: time.sleep(0.02))


def test_an_account_without_a_refresh_token_or_row_needs_somebody(flow, auth, row):
    """What cannot be renewed is said to be so."""
    OAuthToken.objects.update(refresh="")
    with pytest.raises(RenewalFailed, match="no refresh token") as caught:
        renew(row.pk, 1)
    assert caught.value.dead
    OAuthToken.objects.all().delete()
    with pytest.raises(RenewalFailed, match="deleted"):
        renew(row.pk, 1)
    assert auth.refresh_calls == 0


@pytest.mark.parametrize("told", [10**12, -5, 0, None, "soon"])
def test_a_senseless_lifetime_costs_no_renewal_too_many(auth, row, told):
    """Whatever `expires_in` says, the next renewal is minutes away and within a month."""
    auth.tell_expires_in = told
    renew(row.pk, 1)
    now = again()
    left = (now.expires_at - lease.now()).total_seconds()
    assert 3500 < left <= 30 * 86_400
    assert MEMORY.due() == []


def test_no_secret_is_in_a_log_a_row_or_an_error(auth, row, caplog):
    """A server that quotes the refresh token is not quoted, whichever way the refusal goes."""
    caplog.set_level("DEBUG")
    refresh, real = row.reveal_refresh(), _Handler._json
    for error in ("server_error", "invalid_grant"):
        told = {"error": error, "error_description": f"the token {refresh} is {row.reveal_access()}"}
        _Handler._json = lambda self, status, value, *h, told=told: real(self, 400, told)
        try:
            OAuthToken.objects.update(failures=0)
            with pytest.raises(RenewalFailed) as caught:
                renew(row.pk, 1)
        finally:
            _Handler._json = real
        ours = [record.getMessage() for record in caplog.records if not record.name.startswith("oauthlib")]
        seen = repr(ours) + caught.value.words + repr(OAuthToken.objects.values())
        assert "secret removed" in caught.value.words
        assert refresh not in seen and row.reveal_access() not in seen
