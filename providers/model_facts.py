"""What is known of models by their names: windows, output limits and where a model differs from its vendor's others.

A row is a fallback: the mapping's own window and limit win. Sources: the vendors' model
pages; a model that no row describes is taken as its preset says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from providers.presets import Preset
from providers.targets import Target

_MANY = ("none", "low", "medium", "high", "xhigh")
_NO_REASONING: Mapping[str, Any] = {
    "efforts": (), "reasoning_effort": False, "sampling": True, "max_tokens_key": "max_tokens", "stop": 4,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One family of models. `window` and `output` in tokens; `quirks` overrides fields of the preset's quirks.

    `formats`: only where the model is spoken to in one of these; empty for all.
    """

    names: str
    """A regular expression for the whole name, without a leading `vendor/`."""
    window: int | None = None
    output: int | None = None
    quirks: Mapping[str, Any] = field(default_factory=dict)
    formats: tuple[str, ...] = ()


_OPENAI = ("openai_responses", "openai_chat")

FACTS: tuple[ModelFacts, ...] = (
    ModelFacts(r"claude-.*\[1m\]", 1_000_000),
    ModelFacts(r"claude-(opus|sonnet|haiku)-4-[6-9].*", 200_000),
    ModelFacts(r"claude-(opus|sonnet|haiku)-4.*|claude-3.*", 200_000, None, {"prefill": True}),
    ModelFacts(r"gpt-5\.\d+-codex.*|gpt-5-codex.*", 400_000, 128_000, {"efforts": _MANY[1:], "phase": True}, _OPENAI),
    ModelFacts(r"gpt-5\.\d+.*", 400_000, 128_000, {"efforts": _MANY}, _OPENAI),
    ModelFacts(r"gpt-5.*", 400_000, 128_000, {"efforts": ("minimal", "low", "medium", "high")}, _OPENAI),
    ModelFacts(r"o[134](-.*)?", 200_000, 100_000, {"efforts": ("low", "medium", "high")}, _OPENAI),
    ModelFacts(r"gpt-4\.1.*", 1_047_576, 32_768, _NO_REASONING, _OPENAI),
    ModelFacts(r"gpt-4o.*", 128_000, 16_384, _NO_REASONING, _OPENAI),
    ModelFacts(r"gpt-oss-.*", 131_072, None, {"efforts": ("low", "medium", "high")}),
    ModelFacts(r"gemini-(2\.5|[3-9]).*", 1_048_576, 65_536),
    ModelFacts(r"gemini-2\.0.*", 1_048_576, 8_192),
    ModelFacts(r"deepseek-(chat|v3).*", 128_000, 8_192),
    ModelFacts(r"deepseek-(reasoner|r1).*", 128_000, 64_000),
    ModelFacts(r"glm-4\.6.*", 200_000, 128_000),
    ModelFacts(r"glm-4\.5.*", 128_000, 96_000),
    ModelFacts(r"kimi-(k2|for-coding).*", 262_144),
    ModelFacts(r"minimax-m2.*", 204_800, 131_072),
    ModelFacts(r"qwen3-coder.*", 262_144, 65_536),
    ModelFacts(r"grok-4-fast.*|grok-4\.1-fast.*", 2_000_000),
    ModelFacts(r"grok-4.*|grok-code-.*", 256_000),
    ModelFacts(r"(mistral-(large|medium)|devstral|codestral).*", 128_000),
    ModelFacts(r"(meta-)?llama-3\.[13].*", 131_072),
)


@lru_cache(maxsize=1024)
def facts_of(model: str, wire_format: str) -> ModelFacts | None:
    """The first row that describes a model, or None."""
    name = model.rpartition("/")[2].casefold()
    for row in FACTS:
        if re.fullmatch(row.names, name) and (not row.formats or wire_format in row.formats):
            return row
    return None


@lru_cache(maxsize=1024)
def _fitted(preset: Preset, model: str) -> Preset:
    facts = facts_of(model, preset.wire_format)
    return replace(preset, quirks=replace(preset.quirks, **facts.quirks)) if facts and facts.quirks else preset


def for_model(template: Target, model: str, window: int | None = None, output: int | None = None) -> Target:
    """The target for one model of a provider; `window` and `output` in tokens win over what the table knows."""
    facts = facts_of(model, template.preset.wire_format)
    return replace(
        template,
        preset=_fitted(template.preset, model),
        actual_model=model,
        context_window=window or (facts.window if facts else None),
        max_output_tokens=output or (facts.output if facts else None),
    )
