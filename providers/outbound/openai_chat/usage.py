"""Chat's usage as Anthropic counts it, and its finish reasons as stop reasons."""

from __future__ import annotations

from typing import Any

from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.wire.messages import Usage

_CUT_OFF = {
    "length": "max_tokens",
    "model_length": "model_context_window_exceeded",
    "model_context_window_exceeded": "model_context_window_exceeded",
}
_STOPS = {"content_filter": "refusal", "sensitive": "refusal"}
_BROKEN = {
    "error": FailureKind.GARBLED,
    "insufficient_system_resource": FailureKind.OVERLOADED,
    "network_error": FailureKind.OVERLOADED,
}
"""Finish reasons of an answer that is none. Sources: the references of Mistral, DeepSeek and Z.ai."""


def read_usage(usage: Any) -> Usage | None:
    """Tokens of a `usage` object, None when it counts nothing. Chat's prompt count includes cached tokens, ours not."""
    if not isinstance(usage, dict) or not any(_tokens(usage, key) for key in ("prompt_tokens", "completion_tokens")):
        return None
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, dict) else {}
    prompt, output = _tokens(usage, "prompt_tokens"), _tokens(usage, "completion_tokens")
    told_by = ((details, "cached_tokens"), (usage, "prompt_cache_hit_tokens"), (usage, "cached_tokens"))
    read = next((tokens for holder, key in told_by if (tokens := _tokens(holder, key))), 0)
    write = _tokens(details, "cache_write_tokens")
    # An upstream whose cached count exceeds its prompt count has excluded it already.
    fresh = prompt - read - write if read + write <= prompt else prompt
    told = usage.get("completion_tokens_details")
    return Usage(fresh, output, read, write, _tokens(told if isinstance(told, dict) else {}, "reasoning_tokens"))


def matched_stop(choice: dict[str, Any]) -> str | None:
    """The stop sequence that ended the text, where the server tells it (vLLM, SGLang)."""
    for key in ("stop_reason", "matched_stop"):
        if isinstance(choice.get(key), str) and choice[key]:
            return str(choice[key])
    return None


def finish_of(choice: dict[str, Any]) -> str | None:
    """The finish reason, when there is one by now. Raises UpstreamFailure for one that says that something broke."""
    finish = choice.get("finish_reason")
    if not isinstance(finish, str):
        return None
    if finish in _BROKEN:
        raise UpstreamFailure(Failure(_BROKEN[finish], f"the model stopped with {finish}", 200))
    return finish


def is_cut_off(finish: str | None) -> bool:
    """True when the answer reached a limit: a call may then be half written."""
    return finish in _CUT_OFF


def stop_reason(finish: str | None, tools: int, refused: bool) -> str:
    """The stop reason: truncation beats tools, tools beat whatever word the server chose."""
    if finish in _CUT_OFF:
        return _CUT_OFF[finish]
    if tools:
        return "tool_use"
    return "refusal" if refused else _STOPS.get(finish or "", "end_turn")


def _tokens(source: dict[str, Any], key: str) -> int:
    value = source.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
