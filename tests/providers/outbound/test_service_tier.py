"""How soon a request is to be served, at every upstream that can be told."""

import pytest

from providers.outbound.service_tier import service_tier
from tests.acceptance.transcript import sent

FAST = {"speed": "fast", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("asked", "tier"),
    [
        ({"speed": "fast"}, "priority"), ({"speed": "fast", "service_tier": "standard_only"}, "priority"),
        ({"service_tier": "auto"}, "auto"), ({"service_tier": "standard_only"}, "default"), ({}, None),
        ({"service_tier": "flex"}, None), ({"service_tier": []}, None), ({"speed": "standard"}, None),
    ],
)  # fmt: skip
def test_speed_and_tier_in_openais_words(asked, tier):
    """A fast request has priority; the two tiers that Messages has are named as OpenAI names them."""
    assert service_tier(asked).get("service_tier") == tier


def test_a_server_that_knows_priority_alone():
    """Where no other tier is taken, only the speed is told."""
    assert service_tier({"service_tier": "auto"}, only_speed=True) == {}
    assert service_tier({"speed": "fast"}, only_speed=True) == {"service_tier": "priority"}


@pytest.mark.parametrize(
    ("preset", "tier"), [("openai", "priority"), ("openai-chat", "priority"), ("codex", "priority"), ("groq", None)]
)
def test_who_is_told(preset, tier):
    """OpenAI is told on both of its formats; servers that are like it may not know the key and are not."""
    assert sent(preset, FAST).get("service_tier") == tier
