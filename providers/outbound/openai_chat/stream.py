"""A streamed chat completion as Messages events.

Parallel tool calls may arrive interleaved; Messages allows one open block at a time, so a
call that comes while another is open waits in memory until its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from providers.errors import UpstreamFailure
from providers.outbound.answers import ToolIds, event_object, garbled, is_object_text, made_up_tool_id, message_id
from providers.outbound.effort import asks_for_thinking
from providers.outbound.names import NameMap
from providers.outbound.openai_chat.details import Details
from providers.outbound.openai_chat.errors import error_failure
from providers.outbound.openai_chat.response import details_of, reasoning_of, text_of, wants_thinking_back
from providers.outbound.openai_chat.usage import finish_of, is_cut_off, matched_stop, read_usage, stop_reason
from providers.targets import Target
from providers.wire.blocks import BlockWriter
from providers.wire.messages import MessagesEvent, MessagesRequest, Usage
from providers.wire.signatures import tag
from providers.wire.spans import dumps
from providers.wire.sse import ServerSentEvent
from providers.wire.tokens import estimate_text, estimate_tokens


@dataclass(eq=False)
class _Call:
    """One tool call as far as it has come."""

    key: int
    id: str = ""
    name: str = ""
    waiting: str = ""
    """Arguments not yet written."""
    written: bool = False
    """The block was begun."""
    arguments: list[str] = field(default_factory=list)

    @property
    def has_arguments(self) -> bool:
        """Some arguments have come."""
        return bool(self.waiting or self.arguments)

    @property
    def complete(self) -> bool:
        """The arguments so far are a whole object. None at all may still become one."""
        text = "".join(self.arguments) + self.waiting
        return text.rstrip().endswith("}") and is_object_text(text)


class ChatTranslator:
    """Chat chunks in, Messages events out, in the legal order.

    `native`: the client speaks Chat itself and gets all there is.
    """

    def __init__(self, messages: MessagesRequest, target: Target, *, native: bool = False) -> None:
        self._request = messages
        self._origin = target.origin
        self._asked = native or asks_for_thinking(messages.parsed)
        self._goes_back = wants_thinking_back(target)
        self._unasked: list[str] = []
        """Thinking that nobody asked for: told only when a tool call follows that has to bring it back."""
        self._details = Details()
        self._id = ""
        self._names = NameMap.of(messages)
        self._writer = BlockWriter(lambda: tag(self._origin, self._details.taken()))
        self._ids = ToolIds(messages)
        self._calls: list[_Call] = []
        self._active: _Call | None = None
        self._finish: str | None = None
        self._matched: str | None = None
        self._refused = False
        self._usage: Usage | None = None
        self._written_text: list[str] = []
        self._held: list[tuple[bool, str]] = []
        """Thinking (True) and text that came amid a call's arguments: said after it."""
        self._ended = False

    @property
    def ended(self) -> bool:
        """True once message_stop has been produced."""
        return self._ended

    def feed(self, event: ServerSentEvent) -> Sequence[MessagesEvent]:
        """One upstream event. Raises UpstreamFailure for errors and for what is no chat chunk."""
        data = event.data.strip()
        if not data or self._ended:
            return ()
        if data == b"[DONE]":
            if self._writer.started:
                self._finish = self._finish or "stop"
            return self._end()
        chunk = self._chunk(data, event.name)
        events = self._start(chunk)
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        self._usage = read_usage(chunk.get("usage")) or self._usage
        if isinstance(choice, dict):
            self._usage = read_usage(choice.get("usage")) or self._usage  # where Moonshot tells it
            delta = choice.get("delta") or choice.get("message")
            if isinstance(delta, dict):
                events += self._delta(delta)
            if finish := finish_of(choice):
                self._finish = finish
                self._matched = matched_stop(choice)
        return events

    def finish(self) -> Sequence[MessagesEvent]:
        """The upstream's stream has ended. Raises UpstreamFailure when no finish reason was ever given."""
        return () if self._ended else self._end()

    def _chunk(self, data: bytes, name: str) -> dict[str, Any]:
        chunk = event_object(data)
        if chunk.get("error") or name == "error" or chunk.get("object") == "error":
            raise UpstreamFailure(error_failure(chunk.get("error") or chunk, 200))
        return chunk

    def _start(self, chunk: dict[str, Any]) -> list[MessagesEvent]:
        if self._writer.started:
            return []
        estimate = Usage(input=estimate_tokens(self._request))
        self._id = message_id(chunk.get("id"), self._request)
        return self._writer.start(self._id, self._request.model, estimate)

    def _delta(self, delta: dict[str, Any]) -> list[MessagesEvent]:
        events: list[MessagesEvent] = []
        self._details.add(details_of(delta))
        thinking = reasoning_of(delta)
        if thinking and not self._asked:
            self._unasked.append(thinking)
        elif thinking:
            events += self._say(True, thinking)
        text = text_of(delta.get("content"))
        if isinstance(delta.get("refusal"), str) and delta["refusal"]:
            self._refused = True
            text += delta["refusal"]
        if text:
            self._written_text.append(text)
            events += self._say(False, text)
        calls = delta.get("tool_calls")
        for piece in calls if isinstance(calls, list) else ():
            if isinstance(piece, dict):
                events += self._tool(piece)
        return events

    def _say(self, thinking: bool, text: str) -> list[MessagesEvent]:
        self._held.append((thinking, text))
        return [] if any(not call.complete for call in self._calls) else self._flush()

    def _flush(self) -> list[MessagesEvent]:
        """Write what waits: first the calls, then what was said amid them."""
        events = self._flush_calls()
        for thinking, text in self._held:
            events += self._writer.thinking(text) if thinking else self._writer.text(text)
        self._held = []
        return events

    def _tool(self, piece: dict[str, Any]) -> list[MessagesEvent]:
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        call = self._call_of(piece)
        if isinstance(piece.get("id"), str) and not call.id:
            call.id = piece["id"]
        if isinstance(function.get("name"), str) and not call.name:
            call.name = function["name"]
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = dumps(arguments).decode()
        if isinstance(arguments, str):
            call.waiting += arguments
        return self._write(call)

    def _call_of(self, piece: dict[str, Any]) -> _Call:
        index, new_id = piece.get("index"), piece.get("id")
        key = index if isinstance(index, int) else (self._calls[-1].key if self._calls else 0)
        for call in reversed(self._calls):
            if call.key == key:
                if isinstance(new_id, str) and new_id and call.id and new_id != call.id:
                    break  # some servers number every call 0: another id is another call
                if not new_id and _is_whole_call(piece) and call.name and call.has_arguments and call.complete:
                    break  # and some give no ids either: a call with name and arguments after a whole one is new
                return call
        call = _Call(key)
        self._calls.append(call)
        return call

    def _write(self, call: _Call) -> list[MessagesEvent]:
        if self._active is not None and self._active is not call and self._active.complete:
            self._active = None  # complete: the next call need not wait
        if not call.name or (self._active is not call and (self._active is not None or call.written)):
            return []
        events: list[MessagesEvent] = []
        if not call.written:
            call.written = True
            self._active = call
            events += self._owed_thinking()
            tool_id = self._ids.take(call.id, made_up_tool_id(self._id, self._calls.index(call)))
            events += self._writer.tool(tool_id, self._names.original(call.name))
        if call.waiting:
            call.arguments.append(call.waiting)
            events += self._writer.tool_input(call.waiting)
            call.waiting = ""
        return events

    def _owed_thinking(self) -> list[MessagesEvent]:
        thinking, self._unasked = "".join(self._unasked), []
        return self._writer.thinking(thinking) if self._goes_back else []

    def _flush_calls(self) -> list[MessagesEvent]:
        """Write every call that waits: something else is about to open a block."""
        events: list[MessagesEvent] = []
        for call in self._calls:
            if call.name and not call.written:
                self._active = None
                events += self._write(call)
        if self._active is not None:
            self._active = None
            events += self._writer.close()
        return events

    def _end(self) -> list[MessagesEvent]:
        if self._finish is None:
            raise garbled("the stream ended before it was finished")
        events = self._start({}) + self._flush() + self._writer.close()
        if self._writer.tools and (late := self._details.taken()):
            # What came without any text of its own (encrypted) has to go back with the calls all the same.
            events += self._writer.signature(tag(self._origin, late))
        whole = all(is_object_text("".join(call.arguments)) and not call.waiting.strip() for call in self._calls)
        if not is_cut_off(self._finish) and not whole:
            raise garbled("a tool call's arguments are no JSON object")
        reason = stop_reason(self._finish, self._writer.tools, self._refused)
        usage = self._usage or Usage(estimate_tokens(self._request), self._output_estimate())
        self._ended = True
        if reason == "end_turn" and self._matched:
            return events + self._writer.finish("stop_sequence", usage, self._matched)
        return events + self._writer.finish(reason, usage)

    def _output_estimate(self) -> int:
        written = self._written_text + [piece for call in self._calls for piece in call.arguments]
        return estimate_text("".join(written))


def _is_whole_call(piece: dict[str, Any]) -> bool:
    function = piece.get("function")
    return isinstance(function, dict) and bool(function.get("name")) and bool(function.get("arguments"))
