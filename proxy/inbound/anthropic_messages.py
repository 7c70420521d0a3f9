"""Anthropic Messages as spoken by clients: Claude Code and the official SDKs."""

from __future__ import annotations

import re
from collections.abc import Mapping

from providers.wire.messages import PING, MessagesEvent, MessagesReply, MessagesRequest, Operation
from providers.wire.spans import MalformedJson, decode_string, dumps, scan_object
from proxy.errors import ApiError, bad_request

MAX_BRACKETS = 500_000
"""More arrays and objects than any conversation has; parsing them would cost memory by the hundred megabytes."""

_FORWARDED = ("anthropic-", "x-claude-code-", "x-stainless-", "x-app", "user-agent")
_PRINTABLE = re.compile(r"^[\x20-\x7e]*$")


class AnthropicInbound:
    """The hub's own dialect: events and replies pass as they are."""

    name = "anthropic_messages"
    ping = PING.frame

    def parse(self, body: bytes, headers: Mapping[str, str], operation: Operation, beta: bool) -> MessagesRequest:
        """Read what routing needs and keep the bytes. Unknown fields, blocks and tools are none of our business."""
        if not body.strip():
            raise bad_request("the request body is empty; send a JSON object")
        if body.count(b"[") + body.count(b"{") > MAX_BRACKETS:
            raise ApiError(413, "request_too_large", f"the body holds more than {MAX_BRACKETS} arrays and objects")
        try:
            body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise bad_request(f"the request body is not UTF-8 (byte {error.start})") from error
        try:
            members = scan_object(body)
        except MalformedJson as error:
            raise bad_request(f"{error}") from error
        model = decode_string(members.get("model", b""))
        if not model or not model.strip():
            raise bad_request("model: a non-empty string is required")
        if members.get("messages", b"")[:1] != b"[":
            raise bad_request("messages: an array of messages is required")
        stream = members.get("stream", b"false")
        if stream not in (b"true", b"false", b"null"):
            raise bad_request("stream: must be true or false")
        forwarded = {
            name: value for name, value in headers.items()
            if name.startswith(_FORWARDED) and _PRINTABLE.match(value)
        }  # fmt: skip
        return MessagesRequest(
            body, members, model, stream == b"true" and operation == "messages", operation, forwarded, beta
        )

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
