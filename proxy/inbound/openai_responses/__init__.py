"""OpenAI Responses as spoken by clients: Codex CLI, the official SDKs and everything built on them."""

from __future__ import annotations

import time
from collections.abc import Mapping

from providers.wire.messages import MessagesReply, MessagesRequest, Operation
from providers.wire.spans import dumps
from proxy.errors import ApiError
from proxy.inbound.openai_errors import error_body
from proxy.inbound.openai_responses.parse import parse
from proxy.inbound.openai_responses.renderer import PING, Clock, ResponsesRenderer, whole_response


class ResponsesInbound:
    """Responses' dialect. `clock` gives seconds since 1970."""

    name = "openai_responses"
    ping = PING

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock

    def parse(self, body: bytes, headers: Mapping[str, str], operation: Operation, beta: bool) -> MessagesRequest:
        """The request in Messages' words, with the client's own beside it. No header means anything there."""
        return parse(body)

    def renderer(self, request: MessagesRequest) -> ResponsesRenderer:
        """A renderer with the time of its making in its response."""
        return ResponsesRenderer(request, self._clock)

    def render_reply(self, reply: MessagesReply, request: MessagesRequest) -> bytes:
        """A response object; where the upstream spoke Responses itself, its own."""
        return whole_response(reply, request, self._clock) if reply.native is None else reply.native

    def render_count(self, tokens: int) -> bytes:
        """The answer of the input token counter."""
        return dumps({"object": "response.input_tokens", "input_tokens": tokens})

    def render_error(self, error: ApiError, request_id: str) -> bytes:
        """OpenAI's error envelope."""
        return error_body(error, "input")


RESPONSES = ResponsesInbound()
