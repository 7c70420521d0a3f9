"""The promises every inbound wire format makes. Pure: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from providers.wire.messages import MessagesEvent, MessagesReply, MessagesRequest, Operation
from proxy.errors import ApiError


class Renderer(Protocol):
    """One streamed answer on its way to the client. A new attempt begins with a new one."""

    def render(self, event: MessagesEvent) -> bytes:
        """What the client receives for one event; empty when its dialect has nothing to say."""
        ...

    def render_error(self, error: ApiError, request_id: str) -> bytes:
        """The last thing the client receives of a stream that could not be finished."""
        ...


class Inbound(Protocol):
    """One dialect that clients speak."""

    name: str
    ping: bytes
    """What keeps a silent stream alive."""

    def parse(self, body: bytes, headers: Mapping[str, str], operation: Operation, beta: bool) -> MessagesRequest:
        """The request. `headers` has lower-case names. Raises ApiError (400, 413)."""
        ...

    def renderer(self, request: MessagesRequest) -> Renderer:
        """A fresh renderer for one streamed answer to `request`."""
        ...

    def render_reply(self, reply: MessagesReply, request: MessagesRequest) -> bytes:
        """A whole answer to `request`."""
        ...

    def render_count(self, tokens: int) -> bytes:
        """The answer to a token count."""
        ...

    def render_error(self, error: ApiError, request_id: str) -> bytes:
        """The body of an error answer."""
        ...
