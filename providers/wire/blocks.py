"""Writes Messages events in the legal order: one message, one open block at a time, no empty text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from providers.wire.messages import MessagesEvent, Usage


class BlockWriter:
    """Say what happens next; it closes and opens blocks as needed and hands back the events."""

    def __init__(self, sign: Callable[[], str] | None = None) -> None:
        """`sign` gives the signature of thinking that ends without one of its maker's."""
        self._sign = sign
        self._signed = self._has_input = False
        self._index = -1
        self._open = ""
        self.started = False
        self.tools = 0
        """How many tool calls were begun."""

    def start(self, message_id: str, model: str, usage: Usage) -> list[MessagesEvent]:
        """message_start, the first time it is called."""
        if self.started:
            return []
        self.started = True
        message: dict[str, Any] = {
            "id": message_id, "type": "message", "role": "assistant", "model": model, "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": usage.as_payload(),
        }  # fmt: skip
        return [MessagesEvent.of({"type": "message_start", "message": message})]

    def text(self, text: str) -> list[MessagesEvent]:
        """Visible text."""
        return self._delta("text", {"type": "text", "text": ""}, {"type": "text_delta", "text": text}) if text else []

    def thinking(self, text: str) -> list[MessagesEvent]:
        """Thinking."""
        if not text:
            return []
        block = {"type": "thinking", "thinking": "", "signature": ""}
        return self._delta("thinking", block, {"type": "thinking_delta", "thinking": text})

    def signature(self, signature: str) -> list[MessagesEvent]:
        """The open thinking is signed and ends; without any, an empty thinking block carries the signature."""
        block = {"type": "thinking", "thinking": "", "signature": ""}
        signed = self._delta("thinking", block, {"type": "signature_delta", "signature": signature})
        self._signed = True
        return [*signed, *self.close()]

    def whole(self, block: dict[str, Any]) -> list[MessagesEvent]:
        """A block that comes in one piece: redacted thinking, a server tool's call or result."""
        return [*self._begin(str(block["type"]), block), *self.close()]

    def tool(self, tool_id: str, name: str) -> list[MessagesEvent]:
        """A tool call begins; its input follows by `tool_input`."""
        self.tools += 1
        return self._begin("tool_use", {"type": "tool_use", "id": tool_id, "name": name, "input": {}})

    def tool_input(self, partial_json: str) -> list[MessagesEvent]:
        """A piece of the open tool call's input. Blanks alone would be no JSON; nothing at all is an empty object."""
        partial_json = partial_json if self._has_input else partial_json.lstrip()
        if not partial_json:
            return []
        self._has_input = True
        return [self._delta_event({"type": "input_json_delta", "partial_json": partial_json})]

    def close(self) -> list[MessagesEvent]:
        """The open block, if any, ends."""
        if not self._open:
            return []
        events: list[MessagesEvent] = []
        if self._open == "thinking" and not self._signed and self._sign is not None:
            events = [self._delta_event({"type": "signature_delta", "signature": self._sign()})]
        self._open = ""
        return [*events, MessagesEvent.of({"type": "content_block_stop", "index": self._index})]

    def finish(self, stop_reason: str, usage: Usage, stop_sequence: str | None = None) -> list[MessagesEvent]:
        """The message ends."""
        delta = {"stop_reason": stop_reason, "stop_sequence": stop_sequence}
        return [
            *self.close(),
            MessagesEvent.of({"type": "message_delta", "delta": delta, "usage": usage.as_payload()}),
            MessagesEvent.of({"type": "message_stop"}),
        ]

    def _delta(self, kind: str, block: dict[str, Any], delta: dict[str, Any]) -> list[MessagesEvent]:
        opened = [] if self._open == kind else self._begin(kind, block)
        return [*opened, self._delta_event(delta)]

    def _begin(self, kind: str, block: dict[str, Any]) -> list[MessagesEvent]:
        closed = self.close()
        self._index += 1
        self._open = kind
        self._signed = self._has_input = False
        payload = {"type": "content_block_start", "index": self._index, "content_block": block}
        return [*closed, MessagesEvent.of(payload)]

    def _delta_event(self, delta: dict[str, Any]) -> MessagesEvent:
        return MessagesEvent.of({"type": "content_block_delta", "index": self._index, "delta": delta})
