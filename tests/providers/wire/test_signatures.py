import base64

import pytest

from providers.wire.signatures import CARRIER, carried, is_tagged, tag, uncarried, untag


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


@pytest.mark.parametrize(
    "block",
    [{"type": "thinking", "thinking": "hm", "signature": "a.b=="}, {"type": "redacted_thinking", "data": "x.y"}],
)
def test_thinking_travels_as_encrypted_content(block):
    """What a thinking block needs to go back to its maker comes back as the same block."""
    encrypted = carried(block)
    assert encrypted.startswith(CARRIER)
    assert uncarried(encrypted, "hm") == block


@pytest.mark.parametrize("block", [{"type": "thinking", "signature": ""}, {"type": "redacted_thinking"}, {}])
def test_thinking_without_a_blob_carries_nothing(block):
    """A block that its maker would not take back is not carried."""
    assert carried(block) is None


@pytest.mark.parametrize("encrypted", ["gAAAA", "", None, 7, CARRIER, CARRIER + "thinking.", CARRIER + "other.x"])
def test_encrypted_content_of_others_is_no_thinking(encrypted):
    """Only what we made is read as thinking."""
    assert uncarried(encrypted, "hm") is None
