"""How an answer ended and what it cost, in the words of Chat."""

from __future__ import annotations

from typing import Any

from providers.wire.messages import Usage

_FINISHES = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


def finish_reason(stop_reason: str | None, legacy: bool) -> str:
    """The finish reason; every way to stop that Chat has no word for is `stop`."""
    finish = _FINISHES.get(stop_reason or "", "stop")
    return "function_call" if legacy and finish == "tool_calls" else finish


def usage_payload(usage: Usage) -> dict[str, Any]:
    """The `usage` object. Chat's prompt count includes what the cache read and wrote, Anthropic's does not."""
    prompt = usage.input + usage.cache_read + usage.cache_write
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.output,
        "total_tokens": prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.thinking},
    }
