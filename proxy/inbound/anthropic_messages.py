"""Anthropic Messages as spoken by clients: Claude Code and the official SDKs."""

from __future__ import annotations

import re
from collections.abc import Mapping

from providers.wire.messages import PING, MessagesEvent, MessagesReply, MessagesRequest, Operation
from providers.wire.spans import dumps
from proxy.errors import ApiError, bad_request
from proxy.inbound.json_body import is_streamed, model_of, read_members

_FORWARDED = ("anthropic-", "x-claude-code-", "x-stainless-", "x-app", "user-agent")
_PRINTABLE = re.compile(r"^[\x20-\x7e]*$")


class AnthropicInbound:
    """The hub's own dialect: events and replies pass as they are."""

    name = "anthropic_messages"
    ping = PING.frame

    def parse(self, body: bytes, headers: Mapping[str, str], operation: Operation, beta: bool) -> MessagesRequest:
        """Read what routing needs and keep the bytes. Unknown fields, blocks and tools are none of our business."""
        members = read_members(body)
        model = model_of(members)
        if members.get("messages", b"")[:1] != b"[":
            raise bad_request("messages: an array of messages is required")
        stream = is_streamed(members) and operation == "messages"
        forwarded = {
            name: value for name, value in headers.items()
            if name.startswith(_FORWARDED) and _PRINTABLE.match(value)
        }  # fmt: skip
        return MessagesRequest(body, members, model, stream, operation, forwarded, beta)

    def renderer(self, request: MessagesRequest) -> AnthropicRenderer:
        """The frames need no state: one renderer serves all streams."""
        return _RENDERER

    def render_reply(self, reply: MessagesReply, request: MessagesRequest) -> bytes:
        """The reply's own JSON."""
        return reply.body

    def render_count(self, tokens: int) -> bytes:
        """The shape of `/v1/messages/count_tokens`."""
        return dumps({"input_tokens": tokens})

    def render_error(self, error: ApiError, request_id: str) -> bytes:
        """Anthropic's error envelope."""
        return _envelope(error, request_id)


class AnthropicRenderer:
    """Events as they are."""

    def render(self, event: MessagesEvent) -> bytes:
        """The event's frame: on the native path, the upstream's own bytes."""
        return event.frame

    def render_error(self, error: ApiError, request_id: str) -> bytes:
        """An `error` event; nothing follows it."""
        return MessagesEvent.from_json("error", _envelope(error, request_id)).frame


def _envelope(error: ApiError, request_id: str) -> bytes:
    return dumps({"type": "error", "error": {"type": error.type, "message": error.message}, "request_id": request_id})


_RENDERER = AnthropicRenderer()
ANTHROPIC = AnthropicInbound()
