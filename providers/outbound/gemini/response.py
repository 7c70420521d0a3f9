"""A whole Gemini answer as a Messages reply: a stream of one chunk, put together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from providers.outbound.answers import answer_object
from providers.outbound.gemini.envelope import unwrapped
from providers.outbound.gemini.stream import GeminiTranslator
from providers.targets import Target
from providers.wire.messages import MessagesEvent, MessagesReply, MessagesRequest, Usage
from providers.wire.spans import dumps, loads


def read_reply(body: bytes, messages: MessagesRequest, target: Target) -> MessagesReply:
    """The Messages reply, content in the order Gemini gave it. Raises UpstreamFailure.

    Also reads the array of chunks that Gemini streams to who did not ask for events.
    """
    translator = GeminiTranslator(messages, target)
    events = [event for chunk in unwrapped(body, answer_object) for event in translator.take(chunk)]
    message = _gathered([*events, *translator.finish()])
    content, reason = message["content"], message["stop_reason"]
    return MessagesReply(dumps(message), Usage.from_payload(message["usage"]), reason, bool(content))


def _gathered(events: Iterable[MessagesEvent]) -> dict[str, Any]:
    """The message that a client puts together from these events."""
    message: dict[str, Any] = {}
    inputs: list[str] = []
    for payload in (event.payload() for event in events):
        kind = payload["type"]
        if kind == "message_start":
            message = payload["message"]
        elif kind == "content_block_start":
            message["content"].append(payload["content_block"])
            inputs = []
        elif kind == "content_block_delta":
            _add(message["content"][-1], payload["delta"], inputs)
        elif kind == "message_delta":
            message |= payload["delta"] | {"usage": payload["usage"]}
    return message


def _add(block: dict[str, Any], delta: dict[str, Any], inputs: list[str]) -> None:
    for key, piece in delta.items():
        if key == "partial_json":
            inputs.append(piece)
            block["input"] = loads("".join(inputs).encode("utf-8", "replace"))
        elif key != "type":
            block[key] += piece
