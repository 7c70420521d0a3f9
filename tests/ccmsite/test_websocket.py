"""The server's side of a WebSocket: what is cut, without a network."""

import asyncio
from types import SimpleNamespace

import pytest
from daphne.ws_protocol import WebSocketProtocol

from ccmsite.server import websocket
from ccmsite.server.websocket import WebSocket


@pytest.fixture
def socket(monkeypatch):
    """An open one that remembers whether it was cut, and what daphne was left to handle."""
    made = WebSocket()
    made.state, made.data, made.transport = made.STATE_OPEN, b"", SimpleNamespace()
    made.application_queue, made.handled, made.was_cut = asyncio.Queue(), [], False
    made.message_data_total_length = 0
    for name in ("dataReceived", "onMessage", "onMessageFrameBegin", "onPing"):
        monkeypatch.setattr(WebSocketProtocol, name, lambda self, *what: self.handled.append(what))
    monkeypatch.setattr(WebSocketProtocol, "dropConnection", lambda self, abort: setattr(self, "was_cut", abort))
    return made


def test_a_message_of_common_length_is_taken(socket):
    """What our page says comes through."""
    socket.onMessageFrameBegin(16)
    socket.onMessage(b"x" * 16, False)
    assert socket.handled == [(16,), (b"x" * 16, False)]
    assert not socket.was_cut


@pytest.mark.parametrize("method", ["onMessageFrameBegin", "onMessage"])
def test_a_long_message_is_cut(socket, method):
    """In one piece before it is here, in many at its end."""
    length = websocket.MESSAGE_BYTES + 1
    getattr(socket, method)(*([length] if method == "onMessageFrameBegin" else [b"x" * length, False]))
    assert socket.was_cut
    assert socket.handled == []


def test_a_message_without_end_is_cut(socket):
    """Many short pieces make a long message, too."""
    socket.message_data_total_length = websocket.MESSAGE_BYTES
    socket.onMessageFrameBegin(1)
    assert socket.was_cut


def test_messages_that_nobody_hears_do_not_pile_up(socket):
    """As many as that wait for the application; the next one ends the connection."""
    for _ in range(websocket.UNHEARD):
        socket.onMessage(b"x", False)
        socket.application_queue.put_nowait({})
    assert not socket.was_cut
    socket.onMessage(b"x", False)
    assert socket.was_cut


def test_answers_to_pings_do_not_pile_up(socket):
    """A client that pings and reads gets its answers; one that does not read is cut."""
    socket.onPing(b"x")
    assert (socket.handled, socket.was_cut) == ([(b"x",)], False)
    socket.transport.dataBuffer = bytes(websocket.UNSENT_BYTES + 1)
    socket.onPing(b"x")
    assert socket.was_cut


def test_what_comes_before_the_handshake_is_answered_is_bounded(socket):
    """A head of common length is taken; whoever goes on talking before he was let in is cut."""
    socket.state, socket.data = socket.STATE_CONNECTING, b"x" * websocket.EARLY_BYTES
    socket.dataReceived(b"x")
    assert socket.was_cut
    assert socket.handled == []
    socket.data = b""
    socket.dataReceived(b"GET")
    assert socket.handled == [(b"GET",)]
