"""What the page of a provider says of its accounts."""

from datetime import UTC, datetime, timedelta

import pytest

from providers.models import Credential, OAuthToken
from proxy.account_list import account_of, accounts_of, lasting
from proxy.models import HealthState
from tests.providers.oauth import accounts

pytestmark = pytest.mark.django_db


def ago(**span):
    return datetime.now(UTC) - timedelta(**span)


@pytest.mark.parametrize(
    ("changes", "state", "tone"),
    [
        ({}, "active", "ok"),
        ({"last_error": "its project is not set up"}, "incomplete", "warn"),
        ({"state": "needs_sign_in"}, "needs sign-in", "bad"),
        ({"access": ""}, "needs sign-in", "bad"),
        ({"refresh": "", "expires_at": ago(minutes=1)}, "needs sign-in", "bad"),
        ({"access": "nonsense"}, "cannot be unsealed: sign in again", "bad"),
        ({"refresh": "nonsense"}, "cannot be unsealed: sign in again", "bad"),
        ({"lease_until": ago(hours=-1)}, "refreshing", "info"),
        ({"lease_until": ago(hours=1)}, "active", "ok"),
        ({"failures": 2}, "refresh fails", "warn"),
        ({"failures": 2, "expires_at": ago(minutes=1)}, "refresh fails", "bad"),
        ({"expires_at": ago(minutes=1)}, "over, is renewed with the next request", "warn"),
    ],
)
def test_each_state_has_its_words(auth, flow, changes, state, tone):
    """What the row says becomes words and a tone."""
    credential = accounts.signed_in(auth, flow)
    OAuthToken.objects.update(**changes)
    (found,) = accounts_of(credential.provider)
    assert (found.state, found.tone) == (state, tone)
    assert account_of(Credential.objects.get()) == found


def test_an_account_that_is_off_or_was_never_signed_in(auth, flow):
    """The one says so; the other, as a file brings it, needs a sign-in and can be given one."""
    credential = accounts.signed_in(auth, flow)
    Credential.objects.update(enabled=False)
    named = Credential.objects.create(provider=credential.provider, kind=Credential.OAUTH, label="from a file")
    off, new = accounts_of(credential.provider)
    assert (off.state, off.tone, new.state, new.pk) == ("switched off", "info", "needs sign-in", named.pk)
    assert (new.expires, new.can_refresh, new.flow_label) == ("", False, "")
    OAuthToken.objects.create(credential=named, flow="anthropic")
    assert accounts_of(credential.provider)[1].flow == "anthropic"


def test_an_account_of_another_vendor_needs_signing_in(auth, flow):
    """When the preset of its provider has been changed."""
    row = accounts.signed_in(auth, flow).provider
    row.preset = "codex"
    row.save()
    assert accounts_of(row)[0].state == "needs sign-in"


def test_how_long_a_token_lasts_is_told(auth, flow):
    """Until its end, whether it is renewed then, and how long it has been over."""
    credential = accounts.signed_in(auth, flow, lifetime_s=3 * 3600 + 5)
    assert account_of(credential).expires == "in 3 h, then renewed"
    OAuthToken.objects.update(refresh="", expires_at=ago(minutes=5))
    assert account_of(Credential.objects.get()).expires == "5 min ago"


def test_its_own_health_is_told_and_no_others(auth, flow):
    """What is held against this credential, while it lasts."""
    credential = accounts.signed_in(auth, flow)
    name, pk = credential.provider.name, credential.pk
    for stamp, (key, provider, model, until) in enumerate((
        (pk, name, "", ago(hours=-1)), (pk, name, "m-1", ago(hours=-2)), (pk, name, "over", ago(hours=1)),
        (pk + 1, name, "others", ago(hours=-1)), (pk, "elsewhere", "", ago(hours=-1)),
    )):  # fmt: skip
        HealthState.objects.create(
            provider=provider, credential_id=key, actual_model=model, kind="rate_limited", since=ago(hours=1),
            failed_at=ago(hours=1), until=until, stamp=stamp,
        )  # fmt: skip
    told = account_of(credential).bench
    assert told.startswith("rate limited until ") and "rate limited for m-1 until " in told
    assert "over" not in told and "others" not in told and told.count("until") == 2
    assert accounts_of(credential.provider)[0].bench == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-3, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (3600, "60 min"), (7200, "2 h"), (864_000, "10 d")],
)
def test_a_time_span_has_one_unit(seconds, told):
    """The largest of which there are two."""
    assert lasting(seconds) == told
