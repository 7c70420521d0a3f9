"""One connection at the server: what is no HTTP, or comes too slowly, is told so in the envelope, as the last word."""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass
from http.client import responses
from typing import Any

from daphne.http_protocol import HTTPFactory
from twisted.web.http import HTTPChannel

from ccmsite.server.request import Request
from proxy.errors import ApiError, bad_request
from proxy.inbound.dialects import dialect_of
from proxy.request_id import new_request_id

LINGER_S = 1.0
"""How long a refused client's bytes are still read and thrown away, so that it can read why."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a request must arrive: its head within one window, so many bytes of its body in each."""

    window_s: float = 30.0
    body_bytes_per_s: float = 5_000.0


_HTTPChannel: Any = HTTPChannel  # half typed, by Twisted: its own transport would not fit


class Channel(_HTTPChannel):
    """Twisted's connection, with refusals a client can read."""

    refused = False
    requestFactory = Request
    _in_body = False
    _served = False
    _lost = False
    _window: tuple[float, int] | None = None
    """When the present window was opened, and how much of the body was there then."""

    def look(self, now: float, pace: Pace) -> None:
        """Refuse a request that arrives too slowly (408); somebody calls this every now and then."""
        if self.refused or self._handlingRequest or not (self.requests or self._buffer):
            self._window = None  # nothing is arriving; an idle connection has a time limit of its own
            return
        received = self.requests[-1].received if self._in_body else 0
        began, before = self._window or (now, received)
        if self._window is not None and now - began < pace.window_s:
            return
        if self._window is None or (self._in_body and received - before >= pace.body_bytes_per_s * (now - began)):
            self._window = (now, received)
            return
        words = (
            f"the request arrived too slowly: its headers must be complete within {pace.window_s:g} s, "
            f"its body must bring {pace.body_bytes_per_s:g} bytes a second"
        )
        self.refuse(ApiError(408, "timeout_error", words))

    @property
    def busy(self) -> bool:
        """Whether a body is arriving, a request is worked on, or its answer has not gone out."""
        ours = not self._lost and self.transport.protocol is self  # a WebSocket takes the transport over
        return ours and bool(self._handlingRequest or self._in_body or self.transport.disconnecting)

    def drain(self) -> None:
        """The server is ending: what is under way here is the last thing, and a connection at rest is closed."""
        if self.busy:
            self.persistent = False
            if self.requests and not self.requests[0].startedWriting:
                self.requests[0].responseHeaders.setRawHeaders(b"connection", [b"close"])
        elif self._served and not self.requests and not self._buffer:
            self.loseConnection()

    def connectionLost(self, reason: Any) -> None:
        """The connection is no more."""
        self._lost = True
        super().connectionLost(reason)

    def allHeadersReceived(self) -> None:
        """The head is complete; now the body's pace counts."""
        self._in_body, self._window = True, None
        super().allHeadersReceived()

    def allContentReceived(self) -> None:
        """The request is complete."""
        self._in_body, self._window, self._served = False, None, True
        super().allContentReceived()

    def refuse(self, error: ApiError, path: str = "") -> None:
        """Answer with an error in the path's dialect, read no more, and close. Only while no answer is under way."""
        if self.refused:
            return
        self.refused = True
        self.transport.write(_rendered(error, path))
        self.dataReceived = self.lineReceived = self.rawDataReceived = _discard
        self.setTimeout(None)
        self.end(LINGER_S)

    def end(self, linger_s: float = 0.0) -> None:
        """Close the connection in a moment: what was written still goes out, to a client that takes it."""
        loop = asyncio.get_event_loop()
        if linger_s:
            loop.call_later(linger_s, self.transport.loseConnection)
        else:
            self.transport.loseConnection()
        loop.call_later(linger_s + LINGER_S, self.transport.abortConnection)

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line of the head is longer than a whole head may be."""
        self._receivedHeaderSize += len(line)
        self._respondToBadRequestAndDisconnect()

    def _failChooseTransferDecoder(self) -> bool:
        self.refuse(bad_request("the body's length is unclear: send one valid content-length, or chunks, not both"))
        return bool(super()._failChooseTransferDecoder())

    def _respondToBadRequestAndDisconnect(self) -> None:
        # Twisted's one answer to whatever it cannot parse.
        if self._receivedHeaderSize > self.totalHeadersSize or self._receivedHeaderCount > self.maxHeaders:
            words = f"the headers exceed {self.totalHeadersSize} bytes or {self.maxHeaders} lines"
            self.refuse(ApiError(431, "invalid_request_error", words, {"x-should-retry": "false"}))
        else:
            self.refuse(bad_request("this is not valid HTTP 1.1"))


def _rendered(error: ApiError, path: str) -> bytes:
    """The whole answer as it goes over the wire, the last one of its connection."""
    request_id = new_request_id()
    body = dialect_of(path).render_error(error, request_id)
    headers = {
        "content-type": "application/json", "content-length": str(len(body)), "request-id": request_id,
        "connection": "close", **error.headers,
    }  # fmt: skip
    first = f"HTTP/1.1 {error.status} {responses.get(error.status, 'Refused')}"
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _discard(_data: bytes) -> None:
    return None


class Factory(HTTPFactory):
    """Makes connections that are ours."""

    protocol = Channel

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self.channels: weakref.WeakSet[Any] = weakref.WeakSet()

    def buildProtocol(self, addr: Any) -> Any:
        """One connection."""
        channel = super().buildProtocol(addr)
        channel.requestFactory = Request
        self.channels.add(channel)
        return channel
