import base64

import pytest

from providers.wire.signatures import is_tagged, tag, untag


@pytest.mark.parametrize("payload", ["blob", {"id": "rs_1", "encrypted_content": "Ü=="}, ["a", 1], None])
def test_a_payload_comes_back_to_its_origin(payload):
    """What an upstream gave to be sent back is restored for the origin that made it."""
    assert untag(tag("gemini:g-3", payload), "gemini:g-3") == payload


def test_a_foreign_origin_gets_nothing():
    """A blob never reaches a vendor that did not make it."""
    assert untag(tag("gemini:g-3", "blob"), "openai_responses:gpt-5") is None


def test_the_same_payload_makes_the_same_signature():
    """Upstream prompt caches live on equal bytes."""
    assert tag("o", {"a": 1}) == tag("o", {"a": 1})


@pytest.mark.parametrize("signature", ["", "EqQBCkYIAh", None, 7])
def test_an_untagged_signature_is_not_ours(signature):
    """Anthropic's own signatures, and what is no signature, are left alone."""
    assert not is_tagged(signature)
    assert untag(signature, "o") is None


@pytest.mark.parametrize(
    "damage", ["ccm1.", "ccm1.!!!", "ccm1.YQ", "ccm1." + base64.urlsafe_b64encode(b'["o"]').decode()]
)
def test_a_damaged_signature_is_dropped_quietly(damage):
    """A cut or edited signature is ours still, and restores nothing."""
    assert is_tagged(damage)
    assert untag(damage, "o") is None
