"""Targets: secrets stay inside, keys are stable, nothing changes."""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

from providers.presets import PRESETS
from providers.targets import Secret, Target, UpstreamRequest
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
