"""The parameters of a Chat request, apart from its messages and tools, in the words of Messages."""

from __future__ import annotations

import hashlib
from typing import Any

from proxy.errors import bad_request

DEFAULT_MAX_TOKENS = 32_000
"""Messages requires a limit, Chat does not."""
JSON_ONLY = "Answer with one JSON object and with nothing else: no other text, no code fence."

_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
_MAX_USER_ID = 256


def max_tokens(source: dict[str, Any]) -> int:
    """The output limit. Raises ApiError (400) when it is no positive whole number."""
    for key in ("max_completion_tokens", "max_tokens"):
        limit = source.get(key)
        if limit is None:
            continue
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise bad_request(f"{key}: must be a whole number from 1")
        return limit
    return DEFAULT_MAX_TOKENS


def single_choice(source: dict[str, Any]) -> None:
    """Raises ApiError (400) when more than one answer is asked for."""
    wanted = source.get("n")
    if wanted is not None and (wanted != 1 or isinstance(wanted, bool)):
        raise bad_request("n: only 1 is possible here; send the request several times instead")


def stop_sequences(source: dict[str, Any]) -> dict[str, Any]:
    """`stop` as a list; Anthropic refuses blank ones."""
    stop = source.get("stop")
    stops = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    kept = [text for text in stops if isinstance(text, str) and text.strip()]
    return {"stop_sequences": kept} if kept else {}


def thinking(source: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    """`thinking` and the effort that `reasoning_effort` asks for; None for what it does not say."""
    wanted = source.get("reasoning_effort")
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


def output_format(source: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The JSON schema the answer must fit, and the words to tell the model where there is none."""
    wanted = source.get("response_format")
    wanted = wanted if isinstance(wanted, dict) else {}
    if wanted.get("type") == "json_schema":
        described = wanted.get("json_schema")
        schema = described.get("schema") if isinstance(described, dict) else None
        if isinstance(schema, dict):
            return {"type": "json_schema", "schema": schema}, ""
        return None, JSON_ONLY
    return None, JSON_ONLY if wanted.get("type") == "json_object" else ""


def metadata(source: dict[str, Any]) -> dict[str, Any]:
    """`metadata.user_id` from the client's own name for its user; one that is too long is hashed."""
    for key in ("safety_identifier", "user"):
        user = source.get(key)
        if isinstance(user, str) and user:
            if len(user) > _MAX_USER_ID:
                user = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
            return {"metadata": {"user_id": user}}
    return {}
