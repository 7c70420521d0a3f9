"""Reading a running answer for what the engine must know: has real content come, what was used, how did it stop."""

from __future__ import annotations

import re

from providers.wire.messages import MessagesEvent, Usage
from providers.wire.spans import MalformedJson

_MAY_BE_EMPTY = {"max_tokens", "refusal", "stop_sequence", "pause_turn", "model_context_window_exceeded", "compaction"}


_SIGNATURE = re.compile(rb'"signature"\s*:\s*"([^"\\]+)"')


def signatures_in(text: bytes) -> list[str]:
    """The signatures of thinking in an event's or a reply's JSON text."""
    return [found.decode("utf-8", "replace") for found in _SIGNATURE.findall(text)] if b'"signature"' in text else []


class Progress:
    """Feed it every event; it keeps usage, stop reason and whether the commit point has been reached."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.stop_reason: str | None = None
        self.has_content = False
        self.only_thinks = True
        """True until a block begins that is no thinking, or the answer ends."""
        self.signatures: list[str] = []

    def note(self, event: MessagesEvent) -> None:
        """Take one event into account. Raises MalformedJson when one that must be read cannot be."""
        kind = event.type
        if kind == "content_block_delta":
            self.has_content = True
            self.signatures += signatures_in(event.json)
        elif kind == "message_start":
            message = event.payload().get("message")
            self.usage = Usage.from_payload(message.get("usage") if isinstance(message, dict) else None, self.usage)
        elif kind == "message_delta":
            self.only_thinks = False
            self._note_end(event)
        elif kind == "content_block_start":
            self._note_start(event)

    @property
    def may_be_empty(self) -> bool:
        """True when an answer without any content is what its stop reason says it is."""
        return self.stop_reason in _MAY_BE_EMPTY

    def _note_start(self, event: MessagesEvent) -> None:
        block = event.payload().get("content_block")
        if not isinstance(block, dict):
            raise MalformedJson("content_block_start without a block")
        kind = block.get("type")
        self.only_thinks = self.only_thinks and kind in ("thinking", "redacted_thinking")
        self.has_content = self.has_content or (bool(block.get(kind)) if kind in ("text", "thinking") else True)

    def _note_end(self, event: MessagesEvent) -> None:
        payload = event.payload()
        self.usage = Usage.from_payload(payload.get("usage"), self.usage)
        delta = payload.get("delta")
        reason = delta.get("stop_reason") if isinstance(delta, dict) else None
        self.stop_reason = reason if isinstance(reason, str) else self.stop_reason
