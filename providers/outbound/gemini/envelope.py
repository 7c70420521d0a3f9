"""What may be around Gemini's answer: Code Assist's `response`, an array, an error in place of an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from providers.errors import UpstreamFailure
from providers.outbound.answers import garbled
from providers.outbound.gemini.errors import error_failure
from providers.wire.spans import MalformedJson, loads


def unwrapped(data: bytes, read: Callable[[bytes], dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers that `data` holds: mostly one, several in an array.

    `read` parses what is no array and says what is wrong with it. Raises UpstreamFailure:
    garbled, or what an error inside says.
    """
    try:
        parsed = loads(data)
    except MalformedJson:
        parsed = None
    if not isinstance(parsed, list) or not parsed:
        parsed = [parsed if isinstance(parsed, dict) else read(data)]
    return [_inner(item) for item in parsed]


def _inner(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise garbled("an answer in an array is no JSON object")
    response = item.get("response")
    inner = response if isinstance(response, dict) else item
    for holder in (item, inner):
        if holder.get("error"):
            raise UpstreamFailure(error_failure(holder["error"], 200))
    return inner
