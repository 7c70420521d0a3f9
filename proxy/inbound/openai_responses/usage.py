"""How an answer ended and what it cost, in the words of Responses."""

from __future__ import annotations

from typing import Any

from providers.wire.messages import Usage

_INCOMPLETE = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "refusal": "content_filter",
}


def why_incomplete(stop_reason: str | None) -> str | None:
    """The reason of `incomplete_details`; None for an answer that ended by itself."""
    return _INCOMPLETE.get(stop_reason or "")


def usage_payload(usage: Usage) -> dict[str, Any]:
    """The `usage` object. Its input count includes what the cache read and wrote, Anthropic's does not."""
    prompt = usage.input + usage.cache_read + usage.cache_write
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.thinking},
        "total_tokens": prompt + usage.output,
    }
