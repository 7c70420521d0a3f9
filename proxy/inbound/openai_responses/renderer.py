"""An answer for a Responses client: a Messages stream as events, a whole reply as one object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from providers.wire.messages import MessagesEvent, MessagesReply, MessagesRequest, Usage
from providers.wire.spans import dumps, loads
from proxy.errors import ApiError
from proxy.inbound.openai_errors import error_fields
from proxy.inbound.openai_responses.envelope import Envelope, said
from proxy.inbound.openai_responses.items import Event
from proxy.inbound.openai_responses.ladder import Ladder
from proxy.inbound.openai_responses.native import NativeAnswer
from proxy.inbound.openai_responses.parse import client_tools
from proxy.inbound.openai_responses.tools import ClientTool, ClientTools

Clock = Callable[[], float]
PING = b": ping\n\n"

_TOLD_CODES = ("context_length_exceeded", "insufficient_quota", "rate_limit_exceeded")


class ResponsesRenderer:
    """One streamed answer. Events must come in the order of the grammar. `clock`: seconds since 1970."""

    def __init__(self, request: MessagesRequest, clock: Clock) -> None:
        self._clock = clock
        self._ladder = Ladder(Envelope(request, int(clock())), _Tools(request).tool)
        self._usage = Usage()
        self._stop_reason: str | None = None
        self._native = NativeAnswer()

    def render(self, event: MessagesEvent) -> bytes:
        """The frames that one event makes; where an upstream spoke Responses itself, its own bytes."""
        if event.type == "ping" and event.native is None:
            return PING
        if event.native is not None:
            self._watch(event)
            return event.native
        self._leave_native()
        step = _STEPS.get(event.type)
        return b"" if step is None else b"".join(map(_frame, step(self, event.payload())))

    def render_error(self, error: ApiError, request_id: str) -> bytes:
        """`response.failed` as the last event, numbered on from what came before it."""
        self._leave_native()
        fields = error_fields(error, "input")
        code = fields["code"] if fields["code"] in _TOLD_CODES else None
        fallback = "server_error" if fields["type"] == "server_error" else "invalid_prompt"
        return _frame(self._ladder.fail(code or fallback, error.message))

    def _watch(self, event: MessagesEvent) -> None:
        """An upstream's own frame passes; if it breaks, whoever goes on needs to know how far it came."""
        self._native.note(event.native or b"")
        step = _STEPS.get(event.type)
        if step is not None:
            step(self, event.payload())
        if event.type == "content_block_stop":
            self._ladder.settle()

    def _leave_native(self) -> None:
        if self._native.begun:
            self._ladder.go_on_from(self._native)
            self._native = NativeAnswer()

    def _message_start(self, payload: dict[str, Any]) -> list[Event]:
        message = _member(payload, "message")
        self._usage = Usage.from_payload(message.get("usage"))
        return self._ladder.start(message.get("id"))

    def _block_start(self, payload: dict[str, Any]) -> list[Event]:
        return self._ladder.block_start(_member(payload, "content_block"))

    def _block_delta(self, payload: dict[str, Any]) -> list[Event]:
        return self._ladder.block_delta(_member(payload, "delta"))

    def _block_stop(self, _payload: dict[str, Any]) -> list[Event]:
        return self._ladder.block_stop()

    def _message_delta(self, payload: dict[str, Any]) -> list[Event]:
        self._usage = Usage.from_payload(payload.get("usage"), self._usage)
        reason = _member(payload, "delta").get("stop_reason")
        self._stop_reason = reason if isinstance(reason, str) else self._stop_reason
        return []

    def _message_stop(self, _payload: dict[str, Any]) -> list[Event]:
        return self._ladder.finish(self._stop_reason, self._usage, int(self._clock()))

    def _error(self, payload: dict[str, Any]) -> list[Event]:
        error = _member(payload, "error")
        told = ApiError(502, str(error.get("type") or ""), str(error.get("message") or ""))
        fields = error_fields(told, "input")
        return [self._ladder.fail("server_error", str(fields["message"]))]


def whole_response(reply: MessagesReply, request: MessagesRequest, clock: Clock) -> bytes:
    """The `response` object: the one that the last event of the same answer, streamed, would hold."""
    answer = loads(reply.body)
    ladder = Ladder(Envelope(request, int(clock())), _Tools(request).tool)
    ladder.start(answer.get("id"))
    content = answer.get("content")
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict):
            ladder.block_start(block)
            ladder.block_stop()
    return dumps(ladder.finish(reply.stop_reason, reply.usage, int(clock()))[-1]["response"])


class _Tools:
    """The client's tools, read once the first call needs them."""

    def __init__(self, request: MessagesRequest) -> None:
        self._members = request.source.members if request.source else {}
        self._known: ClientTools | None = None

    def tool(self, name: str) -> ClientTool:
        if self._known is None:
            brought = b"additional_tools" in self._input or b"tool_search_output" in self._input
            keys = ("tools", "input") if brought else ("tools",)
            self._known = client_tools({key: said(self._members, key) for key in keys})
        return self._known.client_tool(name)

    @property
    def _input(self) -> bytes:
        return self._members.get("input", b"")


def _member(payload: dict[str, Any], key: str) -> dict[str, Any]:
    value = payload.get(key)
    return value if isinstance(value, dict) else {}


def _frame(event: Event) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (event["type"].encode(), dumps(event))


_STEPS = {
    "message_start": ResponsesRenderer._message_start,
    "content_block_start": ResponsesRenderer._block_start,
    "content_block_delta": ResponsesRenderer._block_delta,
    "content_block_stop": ResponsesRenderer._block_stop,
    "message_delta": ResponsesRenderer._message_delta,
    "message_stop": ResponsesRenderer._message_stop,
    "error": ResponsesRenderer._error,
}
