"""What the readers of whole and streamed answers share: ids of our own making and the first look at a body."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from providers.errors import Failure, FailureKind, UpstreamFailure, plain_words
from providers.outbound.names import legal_id
from providers.outbound.prompt import blocks_of
from providers.wire.messages import MessagesRequest
from providers.wire.spans import MalformedJson, loads, loads_told


def message_id(upstream_id: Any, messages: MessagesRequest) -> str:
    """A Messages id made from the upstream's and the request: some servers name every answer the same, or none."""
    seed = str(upstream_id or "").encode("utf-8", "replace") + b"\0" + messages.body
    return "msg_" + hashlib.sha256(seed).hexdigest()[:24]


def made_up_tool_id(own_id: str, number: int) -> str:
    """An id for a call that came without one: no other call of the conversation has it."""
    return f"toolu_{number}_{own_id.removeprefix('msg_')}"


class ToolIds:
    """The ids of one answer's calls, each new in its conversation.

    Some servers number the calls of every turn anew, and some name parallel ones alike. Clients pair results with
    calls by the id alone, and Anthropic refuses a conversation in which two calls share one.
    """

    def __init__(self, messages: MessagesRequest) -> None:
        self._request = messages
        self._used: set[str] | None = None

    def take(self, given: Any, spare: str) -> str:
        """The id that the upstream gave, when it gave one that no call before it has; else `spare`."""
        if self._used is None:
            self._used = set(_called(self._request.parsed.get("messages")))
        tool_id = str(given) if given and legal_id(str(given)) not in self._used else spare
        self._used.add(legal_id(tool_id))
        return tool_id


def _called(turns: Any) -> Iterator[str]:
    for turn in turns if isinstance(turns, list) else ():
        for block in blocks_of(turn.get("content")) if isinstance(turn, dict) else ():
            if block.get("type") == "tool_use" and isinstance(block.get("id"), str):
                yield legal_id(block["id"])


def garbled(words: str) -> UpstreamFailure:
    """The failure of an answer with status 200 that is not what it should be."""
    return UpstreamFailure(Failure(FailureKind.GARBLED, words, 200))


def answer_object(body: bytes) -> dict[str, Any]:
    """A whole answer as a JSON object. Raises UpstreamFailure (garbled) with the upstream's first words."""
    try:
        answer = loads_told(body)
    except MalformedJson as error:
        words = plain_words(body.decode("utf-8", "replace"), 200) if body.strip() else "the answer was empty"
        raise garbled(words) from error
    if not isinstance(answer, dict):
        raise garbled("the answer is no JSON object")
    return answer


def counted_number(body: bytes, key: str) -> int | None:
    """The number that a counter's answer holds under `key`, or None when it holds none."""
    try:
        counted = loads(body)
    except MalformedJson:
        return None
    tokens = counted.get(key) if isinstance(counted, dict) else None
    return tokens if isinstance(tokens, int) and not isinstance(tokens, bool) else None


def event_object(data: bytes) -> dict[str, Any]:
    """One stream event's data as a JSON object. Raises UpstreamFailure (garbled) with its first words."""
    try:
        event = loads_told(data)
    except MalformedJson as error:
        words = plain_words(data.decode("utf-8", "replace"), 100)
        raise garbled(f"an event is not JSON: {words}") from error
    if not isinstance(event, dict):
        raise garbled("an event is no JSON object")
    return event


def is_object_text(text: str) -> bool:
    """True when a call's arguments are a whole JSON object; none at all count as one."""
    if not text.strip():
        return True
    try:
        return isinstance(loads(text.encode("utf-8", "replace")), dict)
    except MalformedJson:
        return False


def arguments_object(arguments: Any, truncated: bool) -> dict[str, Any]:
    """A call's arguments as an object: what is no JSON is kept under `INVALID_JSON`, unless it was cut off."""
    if isinstance(arguments, dict):
        return arguments
    text = arguments if isinstance(arguments, str) else ""
    if not text.strip():
        return {}
    try:
        parsed = loads(text.encode("utf-8", "replace"))
    except MalformedJson:
        parsed = None
    if isinstance(parsed, dict):
        return parsed
    return {} if truncated else {"INVALID_JSON": text}
