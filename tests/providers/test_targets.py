"""Targets: secrets stay inside, keys are stable, nothing changes."""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

from providers.presets import PRESETS
from providers.targets import Secret, SpareKey, Target, UpstreamRequest
from tests import cast

KEY = "sk-very-secret-value"


def target() -> Target:
    return Target("acme", PRESETS["openai"], "https://a/v1", "gpt", Secret(KEY), extra_headers=(("x-team", KEY),))


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r}".format, lambda value: f"{[value]}"])
def test_a_secret_is_never_printed(show):
    """No way of printing a secret, alone or inside a target, shows it."""
    assert KEY not in show(Secret(KEY))
    assert KEY not in show(target())
    assert Secret("\ud800") is not None
    assert show(Secret("\ud800"))


@pytest.mark.parametrize("take_out", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_not_copied_out(take_out):
    """Pickling or copying a secret is an error."""
    with pytest.raises(TypeError, match="not to be pickled"):
        take_out(Secret(KEY))


def test_a_secret_is_revealed_on_purpose():
    """`reveal` gives the secret; an empty one is false."""
    assert Secret(KEY).reveal() == KEY
    assert Secret(KEY)
    assert not Secret("")


def test_equal_secrets_look_equal():
    """The fingerprint tells two secrets apart and the same one again."""
    assert repr(Secret(KEY)) == repr(Secret(KEY)) != repr(Secret(KEY + "x"))


def test_target_is_known_by_provider_and_model():
    """Health is remembered by provider and actual model, which is also how a target is written."""
    assert target().key == ("acme", "gpt")
    assert str(replace(target(), actual_model="o1")) == "acme/o1"
    with pytest.raises(FrozenInstanceError):
        target().provider = "other"


def test_upstream_request_hides_its_headers():
    """An upstream request names its method and size, never its headers, address or body."""
    request = UpstreamRequest("POST", f"https://a/?key={KEY}", {"authorization": KEY}, KEY.encode())
    assert repr(request) == f"UpstreamRequest(POST, {len(KEY)} bytes)"
    assert KEY not in f"{request} {[request]}"


def test_secrets_are_the_key_and_what_signs_in_by_header():
    """Whatever opens the provider is known to the scrubber, with its scheme and without."""
    headers = (("Authorization", "Bearer abcdefgh"), ("X-Title", "mine"))
    assert cast.target(extra_headers=headers).secrets == (cast.KEY, "Bearer abcdefgh", "abcdefgh")
    assert cast.target(secret=Secret("")).secrets == ()


def test_a_target_is_made_of_each_key():
    """Each has the key's secret and a health of its own, and they are twins; one key alone changes nothing."""
    plain = Target("p", PRESETS["openai"], "http://127.0.0.1:9", "m", Secret("first-secret"), 1)
    assert plain.with_each_key() == (plain,)
    assert plain.key == ("p", "m")
    one, two = replace(plain, spare_keys=(SpareKey(Secret("second-secret"), 2),)).with_each_key()
    assert [key.secret.reveal() for key in (one, two)] == ["first-secret", "second-secret"]
    assert [key.key_told for key in (one, two)] == ["key 1 of 2", "key 2 of 2"]
    assert one.key == two.key == plain.key
    assert (plain.own_key, one.own_key, two.own_key) == (0, 1, 2)
    assert replace(plain, spare_keys=(SpareKey(Secret("second-secret"), 2),)).secrets == (
        "first-secret",
        "second-secret",
    )
    assert one.is_twin_of(two) and not one.is_twin_of(one)
    assert not one.is_twin_of(replace(two, actual_model="other"))
    assert "second-secret" not in repr(two)


def test_a_token_of_an_account_goes_as_a_bearer_token():
    """Signed in, the vendor's way to send a key is not used, and the account is named where the vendor wants it."""
    by_key = cast.target(preset="anthropic")
    assert by_key.own_headers() == {"x-api-key": cast.KEY}
    assert replace(by_key, signed_in=True, account="a").own_headers() == {"authorization": f"Bearer {cast.KEY}"}
    codex = cast.target(preset="codex", signed_in=True, account="acct-canary")
    assert codex.own_headers()["chatgpt-account-id"] == "acct-canary"
    assert "chatgpt-account-id" not in replace(codex, account="").own_headers()
    assert "acct-canary" not in repr(codex)


def test_a_key_file_is_never_sent():
    """The text of a key file is what a token is made of: it goes nowhere itself."""
    assert cast.target(preset="vertex-ai", secret=Secret('{"private_key": "canary"}')).own_headers() == {}


def test_each_key_of_a_target_keeps_its_own_account():
    """Of several keys, each is signed in, or not, as itself."""
    spare = SpareKey(Secret("plain-key"), 2)
    one, two = cast.target(signed_in=True, account="a", credential_id=1, spare_keys=(spare,)).with_each_key()
    assert [(key.signed_in, key.account) for key in (one, two)] == [(True, "a"), (False, "")]
    assert "acct-canary" not in repr(SpareKey(Secret("k"), 3, True, "acct-canary"))
