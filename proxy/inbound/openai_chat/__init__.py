"""OpenAI Chat Completions as spoken by clients: the official SDKs and everything built on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from providers.wire.messages import MessagesReply, MessagesRequest, Operation
from providers.wire.spans import MalformedJson, dumps, loads
from proxy.errors import ApiError
from proxy.inbound.openai_chat.parse import parse
from proxy.inbound.openai_chat.reply import completion
from proxy.inbound.openai_chat.stream import PING, ChatRenderer
from proxy.inbound.openai_chat.tools import is_legacy
from proxy.inbound.openai_errors import error_body


class ChatInbound:
    """Chat's dialect. `clock` gives seconds since 1970."""

    name = "openai_chat"
    ping = PING

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def parse(self, body: bytes, headers: Mapping[str, str], operation: Operation, beta: bool) -> MessagesRequest:
        """The request in Messages' words, with the client's own beside it. No header of Chat's means anything there."""
        return parse(body)

    def renderer(self, request: MessagesRequest) -> ChatRenderer:
        """A renderer with the time of its making in all its chunks."""
        options = _said(request, "stream_options")
        wants_usage = isinstance(options, dict) and options.get("include_usage") is True
        return ChatRenderer(request, int(self._clock()), _legacy(request), wants_usage)

    def render_reply(self, reply: MessagesReply, request: MessagesRequest) -> bytes:
        """A chat completion; where the upstream spoke Chat itself, its own."""
        if reply.native is not None:
            return reply.native
        return completion(reply, request, int(self._clock()), _legacy(request))

    def render_count(self, tokens: int) -> bytes:
        """Chat has no counter; the shape of Anthropic's."""
        return dumps({"input_tokens": tokens})

    def render_error(self, error: ApiError, request_id: str) -> bytes:
        """OpenAI's error envelope."""
        return error_body(error)


def _said(request: MessagesRequest, key: str) -> Any:
    """A member of the client's own body; None when it is absent."""
    raw = request.source.members.get(key) if request.source else None
    try:
        return None if raw is None else loads(raw)
    except MalformedJson:
        return None


def _legacy(request: MessagesRequest) -> bool:
    if request.source is None or "functions" not in request.source.members:
        return False
    return is_legacy({key: _said(request, key) for key in ("functions", "tools")})


CHAT = ChatInbound()
