"""A streamed response as Messages events.

Items may arrive interleaved; Messages allows one open block at a time, so an item that
comes while another is unfinished waits in memory until its turn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from providers.errors import UpstreamFailure
from providers.outbound.answers import ToolIds, event_object, garbled, is_object_text, made_up_tool_id, message_id
from providers.outbound.effort import asks_for_thinking, shows_thinking
from providers.outbound.names import NameMap
from providers.outbound.openai_responses.errors import error_failure
from providers.outbound.openai_responses.items import SPOKEN, Item, Items, parts_of
from providers.outbound.openai_responses.searches import Searches
from providers.outbound.openai_responses.usage import read_usage, stop_reason
from providers.targets import Target
from providers.wire import signatures
from providers.wire.blocks import BlockWriter
from providers.wire.messages import MessagesEvent, MessagesRequest, Usage
from providers.wire.spans import dumps
from providers.wire.sse import ServerSentEvent
from providers.wire.tokens import estimate_text, estimate_tokens

# Of each event that brings text: the kind of its item, the member that holds the text, the member that counts parts.
_PIECES = {
    "response.output_text.delta": ("message", "delta", "content_index"),
    "response.refusal.delta": ("message", "delta", "content_index"),
    "response.reasoning_summary_text.delta": ("reasoning", "delta", "summary_index"),
    "response.reasoning_text.delta": ("reasoning", "delta", "content_index"),
    "response.function_call_arguments.delta": ("function_call", "delta", ""),
    "response.custom_tool_call_input.delta": ("custom_tool_call", "delta", ""),
    "response.output_text.done": ("message", "text", "content_index"),
    "response.refusal.done": ("message", "refusal", "content_index"),
    "response.reasoning_summary_text.done": ("reasoning", "text", "summary_index"),
    "response.reasoning_text.done": ("reasoning", "text", "content_index"),
    "response.function_call_arguments.done": ("function_call", "arguments", ""),
    "response.custom_tool_call_input.done": ("custom_tool_call", "input", ""),
}
_TERMINAL = {
    "response.completed": "completed", "response.done": "completed", "response.incomplete": "incomplete",
    "response.failed": "failed", "response.cancelled": "cancelled",
}  # fmt: skip
_ERRORS = ("error", "response.error")
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


class ResponsesTranslator:
    """Response events in, Messages events out, in the legal order."""

    def __init__(self, messages: MessagesRequest, target: Target) -> None:
        self._request = messages
        self._origin = target.origin
        self._names = NameMap.of(messages)
        self._shown = shows_thinking(messages.parsed)
        self._asked = asks_for_thinking(messages.parsed)
        self._id = ""
        # Thinking that came without a blob to send back is still marked as this model's own.
        self._writer = BlockWriter(lambda: signatures.tag(self._origin, None))
        self._ids = ToolIds(messages)
        self._items = Items()
        self._written = 0
        """How many of the items are wholly written."""
        self._searches = Searches(target.origin)
        self._signatures: list[str] = []
        """Of reasoning that nobody asked for: told only when a tool call follows, which has to bring it back."""
        self._refused = False
        self._cut_call = False
        self._ended = False

    @property
    def ended(self) -> bool:
        """True once message_stop has been produced."""
        return self._ended

    def feed(self, event: ServerSentEvent) -> Sequence[MessagesEvent]:
        """One upstream event. Raises UpstreamFailure for errors and for what is no event."""
        data = event.data.strip()
        if not data or self._ended or data == b"[DONE]":
            return ()
        payload = event_object(data)
        kind = payload.get("type")
        kind = kind if isinstance(kind, str) else event.name
        if kind in _ERRORS or (payload.get("error") and not kind.startswith("response.")):
            raise UpstreamFailure(error_failure(payload.get("error") or payload, 200))
        if not kind.startswith("response."):
            return ()
        response = payload.get("response")
        response = response if isinstance(response, dict) else {}
        if kind in _TERMINAL:
            return self.conclude({**response, "status": _status(kind, response)})
        events = self._start(response)
        self._hear(kind, payload)
        return events + self._write()

    def finish(self) -> Sequence[MessagesEvent]:
        """The upstream's stream has ended. Raises UpstreamFailure (garbled) when the response had not."""
        if not self._ended:
            raise garbled("the stream ended before the response was completed")
        return ()

    def conclude(self, response: dict[str, Any]) -> list[MessagesEvent]:
        """All that a finished response tells beyond what was told already, and the end of the message.

        Raises UpstreamFailure when it failed, was cancelled, or holds a call whose arguments are no object.
        """
        status = response.get("status")
        if status == "failed" or (status != "completed" and response.get("error")):
            raise UpstreamFailure(error_failure(response.get("error") or response, 200))
        if status not in ("completed", "incomplete"):
            raise garbled(f"the response is not complete but {str(status)[:40]}")
        events = self._start(response)
        self._items.told_at_end(response.get("output"))
        for item in self._items.all[self._written :]:
            item.done = True
            self._note(item)
        events += self._write() + self._searches.rest(self._writer, self._id)
        truncated, filtered = _why_incomplete(response)
        if self._cut_call and not truncated:
            raise garbled("a tool call's arguments are no JSON object")
        reason = stop_reason(truncated, self._writer.tools, self._refused or filtered)
        self._ended = True
        return events + self._writer.finish(reason, self._usage(response))

    def _start(self, response: dict[str, Any]) -> list[MessagesEvent]:
        if self._writer.started:
            return []
        self._id = message_id(response.get("id"), self._request)
        return self._writer.start(self._id, self._request.model, Usage(input=estimate_tokens(self._request)))

    def _hear(self, event: str, payload: dict[str, Any]) -> None:
        if event in _PIECES:
            self._piece(event, payload)
        elif event == "response.output_text.annotation.added":
            self._searches.cite(payload.get("annotation"))
        entry = payload.get("item")
        if not isinstance(entry, dict) or entry.get("type") not in SPOKEN:
            return
        # A search is told when it is done: until then it keeps nothing waiting.
        if event == "response.output_item.added" and entry["type"] != "web_search_call":
            self._items.added(entry["type"], payload).know(entry)
        elif event == "response.output_item.done":
            item = self._items.meant(entry["type"], payload)
            if not item.done:
                item.end(entry)
                self._note(item)

    def _piece(self, event: str, payload: dict[str, Any]) -> None:
        kind, member, counter = _PIECES[event]
        item = self._items.meant(kind, payload)
        number = payload.get(counter)
        part = (counter, number if isinstance(number, int) else 0)
        if event.endswith(".delta"):
            item.hear(payload.get(member), part)
        else:
            item.hear_whole(payload.get(member), part)
        self._refused = self._refused or (event.startswith("response.refusal.") and bool(payload.get(member)))

    def _note(self, item: Item) -> None:
        """What the whole of a message tells beside its text."""
        if item.kind != "message":
            return
        for part in parts_of(item.entry):
            self._refused = self._refused or (part.get("type") == "refusal" and bool(part.get("refusal")))
            for annotation in parts_of(part, "annotations"):
                self._searches.cite(annotation)

    def _write(self) -> list[MessagesEvent]:
        """Write what can be: the first unfinished item as far as it has come, those before it to their end."""
        events: list[MessagesEvent] = []
        while self._written < len(self._items.all):
            item = self._items.all[self._written]
            events += self._speak(item)
            if not item.done:
                break
            events += self._close(item)
            self._written += 1
        return events

    def _speak(self, item: Item) -> list[MessagesEvent]:
        if item.kind == "message":
            return self._writer.text(item.take())
        if item.kind == "reasoning":
            return self._writer.thinking(item.take()) if self._shown else []
        if item.kind != "function_call" or not item.name or not (item.call_id or item.done):
            return []
        return self._tool(item) + self._writer.tool_input(item.take())

    def _close(self, item: Item) -> list[MessagesEvent]:
        events: list[MessagesEvent] = []
        if item.kind == "reasoning":
            events = self._sign(item)
        elif item.kind == "function_call":
            self._cut_call = self._cut_call or not item.name or not _is_whole(item.text)
        elif item.kind == "custom_tool_call":
            self._cut_call = self._cut_call or not item.name
            if item.name:
                events = self._tool(item) + self._writer.tool_input(dumps({"input": item.text}).decode())
        elif item.kind == "web_search_call":
            self._searches.called(item.entry)
            events = self._searches.told(self._writer, self._id)
        else:
            events = self._searches.told(self._writer, self._id)
        return events + self._writer.close()

    def _tool(self, item: Item) -> list[MessagesEvent]:
        if item.begun:
            return []
        item.begun = True
        events = [event for signature in self._signatures for event in self._writer.signature(signature)]
        self._signatures = []
        tool_id = self._ids.take(item.call_id, made_up_tool_id(self._id, self._items.all.index(item)))
        return events + self._writer.tool(tool_id, self._names.original(item.name))

    def _sign(self, item: Item) -> list[MessagesEvent]:
        blob = item.entry.get("encrypted_content")
        if not isinstance(blob, str) or not blob:
            return []
        own_id = item.entry.get("id")
        payload = {"id": own_id if isinstance(own_id, str) else item.id, "encrypted_content": blob}
        signature = signatures.tag(self._origin, payload)
        if self._asked:
            return self._writer.signature(signature)
        self._signatures.append(signature)
        return []

    def _usage(self, response: dict[str, Any]) -> Usage:
        searches = self._searches.count
        told = read_usage(response.get("usage"), searches)
        if told is not None:
            return told
        output = estimate_text("".join(item.text for item in self._items.all))
        return Usage(estimate_tokens(self._request), output, searches=searches)


def _status(kind: str, response: dict[str, Any]) -> str:
    """How the response ended: some servers call every end completed and tell the rest only inside."""
    told, by_event = response.get("status"), _TERMINAL[kind]
    believed = by_event == "completed" and isinstance(told, str) and told in _TERMINAL.values()
    return str(told) if believed else by_event


def _why_incomplete(response: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the answer was cut off, and whether a filter stopped it."""
    if response["status"] == "completed":
        return False, False
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return reason not in ("content_filter", "steered", "max_messages"), reason == "content_filter"


def _is_whole(arguments: str) -> bool:
    return is_object_text(arguments) and not _HALF_A_PAIR.search(arguments)
