"""Gemini's usage as Anthropic counts it, and its finish reasons as stop reasons or failures."""

from __future__ import annotations

from typing import Any

from providers.errors import FailureKind
from providers.wire.messages import Usage

_CUT_OFF = {"MAX_TOKENS", "CONTINUATION"}
_REFUSALS = {
    "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "ESCALATION",
    "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER", "NO_IMAGE",
}  # fmt: skip
BROKEN = {
    "MALFORMED_FUNCTION_CALL": FailureKind.MISCALLED,
    "MALFORMED_RESPONSE": FailureKind.GARBLED,
    "UNEXPECTED_TOOL_CALL": FailureKind.GARBLED,
    "TOO_MANY_TOOL_CALLS": FailureKind.GARBLED,
    "MISSING_THOUGHT_SIGNATURE": FailureKind.GARBLED,
    "OTHER": FailureKind.GARBLED,
    "PUP_LIMITED_DISABLED": FailureKind.REFUSED_KEY,
}
"""Finish reasons of an answer that is none, and what each means."""


def read_usage(usage: Any) -> Usage | None:
    """Tokens of a `usageMetadata`, None when it counts nothing. Gemini's prompt count includes cached tokens."""
    if not isinstance(usage, dict):
        return None
    prompt = _tokens(usage, "promptTokenCount") + _tokens(usage, "toolUsePromptTokenCount")
    thinking = _tokens(usage, "thoughtsTokenCount")
    output = _tokens(usage, "candidatesTokenCount") + thinking
    if not prompt and not output:
        return None
    read = _tokens(usage, "cachedContentTokenCount")
    # An upstream whose cached count exceeds its prompt count has excluded it already.
    return Usage(prompt - read if read <= prompt else prompt, output, read, 0, thinking)


def stop_reason(finish: str, tools: int) -> str:
    """The stop reason: truncation and refusal beat tools, tools beat whatever other word there is."""
    if finish in _CUT_OFF:
        return "max_tokens"
    if finish in _REFUSALS:
        return "refusal"
    return "tool_use" if tools else "end_turn"


def _tokens(source: dict[str, Any], key: str) -> int:
    value = source.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
