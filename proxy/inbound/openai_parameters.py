"""The parameters that both of OpenAI's dialects have, in the words of Messages."""

from __future__ import annotations

import hashlib
from typing import Any

from proxy.errors import bad_request

DEFAULT_MAX_TOKENS = 32_000
"""Messages requires a limit, OpenAI's dialects do not."""
JSON_ONLY = "Answer with one JSON object and with nothing else: no other text, no code fence."

_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
MAX_USER_ID = 256
"""Characters of a user's name that Anthropic takes."""

_CACHE = {"type": "ephemeral"}


def max_tokens(source: dict[str, Any], *keys: str) -> int:
    """The output limit, told under the first of `keys` that is there. Raises ApiError (400) when it is no count."""
    for key in keys:
        limit = source.get(key)
        if limit is None:
            continue
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise bad_request(f"{key}: must be a whole number from 1")
        return limit
    return DEFAULT_MAX_TOKENS


def thinking(wanted: Any) -> tuple[dict[str, Any] | None, str | None]:
    """`thinking` and the effort that a reasoning effort asks for; None for what it does not say."""
    if wanted == "none":
        return {"type": "disabled"}, None
    effort = _EFFORTS.get(wanted) if isinstance(wanted, str) else None
    return ({"type": "adaptive"}, effort) if effort else (None, None)


def sampling(source: dict[str, Any]) -> dict[str, Any]:
    """`temperature`, else `top_p`, within 0 to 1: some models refuse both together."""
    for key in ("temperature", "top_p"):
        value = source.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {key: min(max(value, 0), 1)}
    return {}


def output_format(wanted: Any, described: Any) -> tuple[dict[str, Any] | None, str]:
    """The JSON schema the answer must fit, and the words to tell the model where there is none.

    `wanted` is the format, `described` the object that holds its schema.
    """
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    schema = described.get("schema") if isinstance(described, dict) else None
    if kind == "json_schema" and isinstance(schema, dict):
        return {"type": "json_schema", "schema": schema}, ""
    return None, JSON_ONLY if kind in ("json_schema", "json_object") else ""


def user_name(source: dict[str, Any]) -> str:
    """The client's own name for its user, or nothing; one that is too long is hashed."""
    for key in ("safety_identifier", "user"):
        user = source.get(key)
        if isinstance(user, str) and user:
            return user if len(user) <= MAX_USER_ID else hashed(user)
    return ""


def hashed(name: str) -> str:
    """64 hex digits in place of a name."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def mark_for_cache(system: list[dict[str, Any]], turns: list[dict[str, Any]]) -> None:
    """OpenAI caches by itself, Anthropic where it is told to: after the system prompt and the last user turn."""
    last_user: list[dict[str, Any]] = next((t["content"] for t in reversed(turns) if t["role"] == "user"), [])
    if any("cache_control" in block for block in system) or any(
        "cache_control" in block for turn in turns for block in turn["content"]
    ):
        return  # the client knows better
    for blocks in (system, last_user):
        if blocks:
            blocks[-1]["cache_control"] = _CACHE
