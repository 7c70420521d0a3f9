"""One WebSocket at the server: bounded in what its client may say and in what waits for it unread."""

from __future__ import annotations

from typing import Any

from daphne.ws_protocol import WebSocketProtocol

from ccmsite.server.request import unsent_bytes

MESSAGE_BYTES = 1024
"""The longest message: our page says a token now and then."""
UNHEARD = 32
"""Messages that wait for the application; our page has no more than a few batches to confirm."""
EARLY_BYTES = 64 * 1024
"""The head of the handshake, and what comes before it was answered."""
UNSENT_BYTES = 64 * 1024
"""Bytes that may wait for a client that pings and does not read. No browser pings; the live view has its own bound."""

_Protocol: Any = WebSocketProtocol  # without types


class WebSocket(_Protocol):
    """daphne's, which takes whatever comes as fast as it comes; here who goes too far is cut at once.

    Nobody needs to have signed in to come as far as this.
    """

    def dataReceived(self, data: bytes) -> None:
        """Some bytes of the client."""
        if self.state == self.STATE_CONNECTING and len(self.data) + len(data) > EARLY_BYTES:
            self.cut()
        else:
            super().dataReceived(data)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """A message of the client."""
        if len(payload) > MESSAGE_BYTES or self.application_queue.qsize() >= UNHEARD:
            self.cut()
        else:
            super().onMessage(payload, isBinary)

    def onMessageFrameBegin(self, length: int) -> None:
        """A piece of a message is announced: too long a message is not waited for."""
        if self.message_data_total_length + length > MESSAGE_BYTES:
            self.cut()
        else:
            super().onMessageFrameBegin(length)

    def onPing(self, payload: bytes) -> None:
        """A ping of the client; its answer is one more thing that it may leave unread."""
        if unsent_bytes(self.transport) > UNSENT_BYTES:
            self.cut()
        else:
            super().onPing(payload)

    def cut(self) -> None:
        """End the connection now, without a word."""
        self.dropConnection(abort=True)
