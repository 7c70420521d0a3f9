"""One connection at the server: what is not HTTP is told so in the envelope, as the last word."""

from __future__ import annotations

import asyncio
from http.client import responses
from typing import Any

from daphne.http_protocol import HTTPFactory
from twisted.web.http import HTTPChannel

from ccmsite.server.request import Request
from proxy.errors import ApiError, bad_request
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.request_id import new_request_id

LINGER_S = 1.0
"""How long a refused client's bytes are still read and thrown away, so that it can read why."""

_HTTPChannel: Any = HTTPChannel  # half typed, by Twisted: its own transport would not fit


class Channel(_HTTPChannel):
    """Twisted's connection, with refusals a client can read."""

    refused = False
    requestFactory = Request

    def refuse(self, error: ApiError) -> None:
        """Answer with an error, once, read no more, and close. Only while no answer is under way."""
        if self.refused:
            return
        self.refused = True
        self.transport.write(_rendered(error))
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


def _rendered(error: ApiError) -> bytes:
    """The whole answer as it goes over the wire, the last one of its connection."""
    request_id = new_request_id()
    body = ANTHROPIC.render_error(error, request_id)
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

    def buildProtocol(self, addr: Any) -> Any:
        """One connection."""
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = Request
        return protocol
