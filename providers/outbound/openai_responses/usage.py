"""Responses' usage as Anthropic counts it, and how an answer ended as a stop reason."""

from __future__ import annotations

from typing import Any

from providers.wire.messages import Usage


def read_usage(usage: Any, searches: int = 0) -> Usage | None:
    """Tokens of a `usage` object, None when it counts nothing. Its input count includes cached tokens, ours not."""
    if not isinstance(usage, dict) or not any(_tokens(usage, key) for key in ("input_tokens", "output_tokens")):
        return None
    prompt, output = _tokens(usage, "input_tokens"), _tokens(usage, "output_tokens")
    details = usage.get("input_tokens_details")
    read, write = _tokens(details, "cached_tokens"), _tokens(details, "cache_write_tokens")
    # An upstream whose cached count exceeds its input count has excluded it already.
    fresh = prompt - read - write if read + write <= prompt else prompt
    thinking = _tokens(usage.get("output_tokens_details"), "reasoning_tokens")
    return Usage(fresh, output, read, write, thinking, searches)


def stop_reason(truncated: bool, tools: int, refused: bool) -> str:
    """The stop reason: truncation beats tools, tools beat a refusal."""
    if truncated:
        return "max_tokens"
    if tools:
        return "tool_use"
    return "refusal" if refused else "end_turn"


def _tokens(source: Any, key: str) -> int:
    value = source.get(key) if isinstance(source, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
