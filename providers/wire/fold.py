"""A Messages stream as the whole reply it tells: for a client that did not ask for a stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from providers.wire.grammar import KNOWN, Grammar
from providers.wire.messages import MessagesEvent, MessagesReply, Usage
from providers.wire.spans import MalformedJson, dumps, loads


class StreamFailed(ValueError):
    """The stream told of an error instead of an answer; the message is the error's."""


def fold(events: Iterable[MessagesEvent]) -> MessagesReply:
    """The reply that the events make, from message_start to message_stop; pings and unknown kinds are skipped.

    A tool's input that was cut off is an empty object. Raises GrammarError when the events
    are in no legal order or end too early, StreamFailed when one of them is an error.
    """
    grammar, message = Grammar(), _Message()
    for event in events:
        if event.type not in KNOWN:
            continue
        grammar.feed(event)
        message.take(event)
    grammar.finish()
    return message.reply()


class _Message:
    """A message as far as it has come. The grammar has passed every event before it is taken."""

    def __init__(self) -> None:
        self._whole: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._content: list[dict[str, Any]] = []
        self._pieces: dict[str, list[str]] = {}
        """Of the open block: the pieces that came for each of its members."""

    def take(self, event: MessagesEvent) -> None:
        """One event."""
        if event.type == "content_block_stop":
            self._stop()
            return
        if event.type in ("ping", "message_stop"):
            return
        if event.type == "error":
            raise StreamFailed(_words(event))
        payload = event.payload()
        if event.type == "message_start":
            self._whole = dict(payload["message"])
            self._usage = dict(self._whole["usage"])
        elif event.type == "content_block_start":
            self._content.append(dict(payload["content_block"]))
        elif event.type == "content_block_delta":
            self._delta(payload["delta"])
        else:
            # What is null was not told: the word or the count that came before stands.
            self._whole |= {key: value for key, value in payload["delta"].items() if value is not None}
            self._usage |= {key: value for key, value in payload["usage"].items() if value is not None}

    def reply(self) -> MessagesReply:
        """The whole message."""
        body = {**self._whole, "content": self._content, "usage": self._usage}
        usage = Usage.from_payload(self._usage)
        return MessagesReply(dumps(body), usage, str(body["stop_reason"]), bool(self._content))

    def _delta(self, delta: dict[str, Any]) -> None:
        block = self._content[-1]
        for key, value in delta.items():
            if key == "citation":
                block["citations"] = [*(block.get("citations") or ()), value]
            elif isinstance(value, str) and key != "type":
                self._pieces.setdefault(key, []).append(value)

    def _stop(self) -> None:
        block = self._content[-1]
        for key, pieces in self._pieces.items():
            text = "".join(pieces)
            if key == "partial_json":
                block["input"] = _object(text) if text else block.get("input", {})
            else:
                started = block.get(key)
                block[key] = (started if isinstance(started, str) else "") + text
        self._pieces = {}


def _object(text: str) -> dict[str, Any]:
    try:
        parsed = loads(text.encode("utf-8", "replace"))
    except MalformedJson:
        parsed = None
    return parsed if isinstance(parsed, dict) else {}


def _words(event: MessagesEvent) -> str:
    try:
        error = event.payload().get("error")
    except MalformedJson:
        error = None
    message = error.get("message") if isinstance(error, dict) else None
    return message if isinstance(message, str) and message else "the stream ended with an error"
