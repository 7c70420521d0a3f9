"""The promises every inbound wire format makes. Pure: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from providers.wire.messages import MessagesEvent, MessagesReply, MessagesRequest, Operation
from proxy.errors import ApiError


class Inbound(Protocol):
    """One dialect that clients speak."""

    name: str
    ping: bytes
    """What keeps a silent stream alive."""

    def parse(self, body: bytes, headers: Mapping[str, str], operation: Operation, beta: bool) -> MessagesRequest:
        """The request. `headers` has lower-case names. Raises ApiError (400, 413)."""
        ...

    def render(self, event: MessagesEvent) -> bytes:
        """One event of a streamed answer."""
        ...

    def render_reply(self, reply: MessagesReply) -> bytes:
        """A whole answer."""
        ...

    def render_count(self, tokens: int) -> bytes:
        """The answer to a token count."""
        ...

    def render_error(self, error: ApiError, request_id: str) -> bytes:
        """The body of an error answer."""
        ...

    def render_error_event(self, error: ApiError, request_id: str) -> bytes:
        """The last event of a stream that could not be finished."""
        ...
