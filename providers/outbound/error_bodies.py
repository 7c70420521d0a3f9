"""Reading the body of an error answer, as far as vendors that follow OpenAI's or Google's habits agree on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.wire.spans import MalformedJson, loads

NO_REASON = "the upstream gave no reason"


def error_in(body: bytes) -> Any:
    """The `error` of a body, else the whole object; the first of a list; the text where the body is no object."""
    try:
        parsed = loads(body)
    except MalformedJson:
        parsed = None
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    return (parsed.get("error") or parsed) if isinstance(parsed, dict) else body.decode("utf-8", "replace")


def error_words(fields: Mapping[str, Any], *more: str) -> str:
    """What an error says, under the usual keys or one of `more`."""
    for key in ("message", "detail", "error", *more):
        value = fields.get(key)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, dict | list):
            return str(value)
    return NO_REASON
