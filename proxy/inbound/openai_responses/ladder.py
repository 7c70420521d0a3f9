"""The events of a response in their order, from Messages blocks: the same for streams and for whole answers.

An item is closed when the next one begins or the message ends: only then it is known whether it
is complete. Source: the streaming reference of OpenAI's Responses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from providers.wire.messages import Usage
from proxy.inbound.openai_responses.envelope import Envelope
from proxy.inbound.openai_responses.items import Call, Event, Message, OutputItem, Reasoning, Search
from proxy.inbound.openai_responses.native import NativeAnswer
from proxy.inbound.openai_responses.tools import SEARCH, ClientTool
from proxy.inbound.openai_responses.usage import usage_payload, why_incomplete


class Ladder:
    """Tell it what happens; it hands back the events. `tool_of` knows the client's tool by our name of it."""

    def __init__(self, envelope: Envelope, tool_of: Callable[[str], ClientTool]) -> None:
        self._envelope = envelope
        self._tool_of = tool_of
        self.number = 0
        """The next event's `sequence_number`."""
        self._output: list[dict[str, Any]] = []
        self._place = 0
        """The open item's `output_index`, else the next one's."""
        self._item: OutputItem | None = None
        """The item that was begun last and is not closed."""
        self._thoughts: Reasoning | None = None
        """Thinking that has not said anything yet: it may turn out to be no item at all."""
        self._kind: Any = None
        """The open block's type."""
        self._filled: Call | Search | None = None
        """The item that the open block's input belongs to."""
        self._citations: list[Any] = []

    def start(self, message_id: Any) -> list[Event]:
        """The response begins."""
        self._envelope.named(message_id)
        begun = self._envelope.response("in_progress", [])
        kinds = ("response.created", "response.in_progress")
        return [self._numbered({"type": kind, "response": begun}) for kind in kinds]

    def block_start(self, block: dict[str, Any]) -> list[Event]:
        """A block begins, with whatever it holds already."""
        kind = self._kind = block.get("type")
        self._filled, self._citations = None, []
        if kind == "text":
            cited = block.get("citations")
            self._citations = list(cited) if isinstance(cited, list) else []
            return self._text(block.get("text"))
        if kind in ("thinking", "redacted_thinking"):
            events = self._close("completed")
            self._thoughts = Reasoning(block)
            return events + self._thinking(block.get("thinking")) + self._signature(block.get("signature"))
        if kind == "tool_use":
            self._filled = Call(self._tool_of(str(block.get("name") or "")), block)
            return self._begin(self._filled)
        if kind == "server_tool_use" and block.get("name") == SEARCH:
            self._filled = Search(block)
            return []  # what it searches for comes with its input
        if kind == "web_search_tool_result" and isinstance(self._item, Search):
            self._item.found(block.get("content"))
            return self._close("completed")
        return []

    def block_delta(self, delta: dict[str, Any]) -> list[Event]:
        """A piece of the block."""
        kind = delta.get("type")
        if kind == "text_delta":
            return self._text(delta.get("text"))
        if kind == "citations_delta":
            self._citations.append(delta.get("citation"))
        elif kind == "thinking_delta":
            return self._thinking(delta.get("thinking"))
        elif kind == "signature_delta":
            return self._signature(delta.get("signature"))
        elif kind == "input_json_delta" and self._filled is not None:
            piece = delta.get("partial_json")
            return self._placed(self._filled.arguments(piece)) if isinstance(piece, str) and piece else []
        return []

    def block_stop(self) -> list[Event]:
        """The block ends."""
        if self._kind == "text" and isinstance(self._item, Message):
            return self._placed(self._item.block_ends(self._citations))
        if isinstance(self._filled, Call):
            return self._placed(self._filled.block_ends())
        if self._filled is not None:
            return self._begin(self._filled)
        return self._thoughts_begin() if self._kind == "redacted_thinking" else []

    def finish(self, stop_reason: str | None, usage: Usage, now: int) -> list[Event]:
        """The response ends; the last event holds it whole. `now` is in seconds since 1970."""
        reason = why_incomplete(stop_reason)
        status = "incomplete" if reason else "completed"
        events = self._close(status)
        told: dict[str, Any] = {"usage": usage_payload(usage)}
        told |= {"incomplete_details": {"reason": reason}} if reason else {"completed_at": now}
        response = self._envelope.response(status, self._output, **told)
        return [*events, self._numbered({"type": f"response.{status}", "response": response})]

    def fail(self, code: str, message: str) -> Event:
        """The response failed: the one event that ends it instead of the others."""
        error = {"code": code, "message": message}
        response = self._envelope.response("failed", self._output, error=error)
        return self._numbered({"type": "response.failed", "response": response})

    def settle(self) -> None:
        """Close what is open, without a word: an upstream's own events have said so."""
        self._close("completed")

    def go_on_from(self, answer: NativeAnswer) -> None:
        """Everything so far was told by an upstream's own events: the next ones follow on those."""
        self.number = answer.number
        self._envelope.id = answer.id or self._envelope.id
        self._output = answer.items
        if isinstance(self._item, Message) and answer.message_id:
            self._item.id, self._place = answer.message_id, max(answer.next_index - 1, 0)
        else:
            self._item, self._thoughts, self._place = None, None, answer.next_index

    def _text(self, text: Any) -> list[Event]:
        if not isinstance(text, str) or not text:
            return []
        message = self._item
        events: list[Event] = []
        if not isinstance(message, Message):
            message = Message()
            events = self._begin(message)
        return events + self._placed(message.text(text))

    def _thinking(self, text: Any) -> list[Event]:
        thoughts = self._thoughts
        if thoughts is None or not isinstance(text, str) or not text:
            return []
        return self._thoughts_begin(said=True) + self._placed(thoughts.text(text))

    def _signature(self, signature: Any) -> list[Event]:
        if self._thoughts is None or not isinstance(signature, str) or not signature:
            return []
        self._thoughts.sign(signature)
        return self._thoughts_begin()

    def _thoughts_begin(self, said: bool = False) -> list[Event]:
        """The thinking becomes an item, the first time it has something to say or to hand back."""
        thoughts = self._thoughts
        if thoughts is None or thoughts is self._item or not (said or thoughts.sealed):
            return []
        return self._begin(thoughts)

    def _begin(self, item: OutputItem) -> list[Event]:
        events = self._close("completed")
        item.id = f"{item.prefix}_{self._envelope.number}_{self._place}"
        self._item = item
        if isinstance(item, Reasoning):
            self._thoughts = item
        added = {"type": "response.output_item.added", "item": item.whole("in_progress")}
        return events + self._placed([added, *item.begin()])

    def _close(self, status: str) -> list[Event]:
        item, self._item = self._item, None
        self._thoughts = None
        if item is None:
            return []
        events = self._placed([
            *item.end(status), {"type": "response.output_item.done", "item": item.whole(status)},
        ])  # fmt: skip
        self._output.append(item.whole(status))
        self._place += 1
        return events

    def _placed(self, events: list[Event]) -> list[Event]:
        for event in events:
            event["output_index"] = self._place
            self._numbered(event)
        return events

    def _numbered(self, event: Event) -> Event:
        event["sequence_number"] = self.number
        self.number += 1
        return event
