"""What is known of models: the table is well formed and does what it says to a target."""

import re
from dataclasses import fields, replace
from typing import get_args

import pytest

from providers.model_facts import FACTS, facts_of, for_model
from providers.outbound.effort import EFFORTS
from providers.presets import PRESETS, Quirks, WireFormat
from tests.cast import target


@pytest.mark.parametrize("row", FACTS, ids=lambda row: row.names)
def test_a_row_is_well_formed(row):
    """A row has a pattern, sizes that make sense, and overrides only quirks that exist."""
    re.compile(row.names)
    assert set(row.quirks) <= {field.name for field in fields(Quirks)}
    assert set(row.formats) <= set(get_args(WireFormat))
    assert set(row.quirks.get("efforts", ())) <= {"none", "minimal", *EFFORTS}
    assert row.window or row.output or row.quirks
    assert row.output is None or row.window is None or row.output <= row.window


@pytest.mark.parametrize(
    ("model", "wire_format", "window", "efforts"),
    [
        ("gpt-5.2", "openai_responses", 400_000, ("none", "low", "medium", "high", "xhigh")),
        ("gpt-5.3-codex", "openai_responses", 400_000, ("low", "medium", "high", "xhigh")),
        ("gpt-5-mini", "openai_chat", 400_000, ("minimal", "low", "medium", "high")),
        ("openai/gpt-4.1", "openai_chat", 1_047_576, ()),
        ("GLM-4.6", "anthropic_messages", 200_000, None),
        ("z-ai/glm-4.6:exacto", "openai_chat", 200_000, None),
        ("gemini-3-pro-preview", "gemini", 1_048_576, None),
        ("gpt-5.2", "gemini", None, None),
        ("something-new", "openai_chat", None, None),
    ],
)
def test_a_model_is_known_by_its_name(model, wire_format, window, efforts):
    """A vendor's prefix and the case do not matter, the format may; an unknown model has no facts."""
    facts = facts_of(model, wire_format)
    assert (facts.window if facts else None) == window
    assert (facts.quirks.get("efforts") if facts else None) == efforts


def test_the_mapping_wins_over_the_table():
    """What a person entered is used; what they left empty is filled from the table."""
    template = replace(target(preset="openai"), actual_model="")
    known = for_model(template, "gpt-5.2")
    assert (known.actual_model, known.context_window, known.max_output_tokens) == ("gpt-5.2", 400_000, 128_000)
    own = for_model(template, "gpt-5.2", 1000, 10)
    assert (own.context_window, own.max_output_tokens) == (1000, 10)
    unknown = for_model(template, "something-new")
    assert (unknown.context_window, unknown.max_output_tokens, unknown.preset) == (None, None, PRESETS["openai"])


def test_a_model_may_differ_from_its_vendors_others():
    """A model that does not reason is asked like one, at the same provider."""
    plain = for_model(target(preset="openai-chat"), "gpt-4.1").preset.quirks
    assert (plain.efforts, plain.sampling, plain.max_tokens_key, plain.stop) == ((), True, "max_tokens", 4)
    assert for_model(target(preset="openai-chat"), "gpt-5.2").preset.quirks.sampling is False
