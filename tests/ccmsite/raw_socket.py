"""A WebSocket client that does by itself only what it is told: it may read nothing, or answer nothing."""

import contextlib
import json
import re
import socket
import struct

import httpx

MORE, TEXT, CLOSE, PING = 0, 1, 8, 9


def cookie(site):
    """Sign in to the admin as a browser does: the Cookie header of the session."""
    with httpx.Client(trust_env=False, timeout=20, base_url=site) as client:
        form = client.get("/admin/login/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)[1]
        fields = {"username": "admin", "password": "a long pass phrase", "csrfmiddlewaretoken": token}
        assert client.post("/admin/login/", data=fields).status_code == 302
        return f"sessionid={client.cookies['sessionid']}"


def _frame(received):
    """How long the head and the payload of the frame are that begins there, as far as one can see."""
    if len(received) < 2:
        return 2, 0
    size = {126: 2, 127: 8}.get(received[1], 0)
    if len(received) < 2 + size:
        return 2 + size, 0
    return 2 + size, int.from_bytes(received[2 : 2 + size], "big") if size else received[1]


class RawSocket:
    """One open socket of the live view; `buffer` is how many bytes the kernel takes for it unread."""

    def __init__(self, site, cookie, buffer=4096, patience=20.0):
        host, _, port = site.removeprefix("http://").rpartition(":")
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)  # before the window is agreed on
        self._socket.settimeout(patience)
        self._socket.connect((host, int(port)))
        self._received = b""
        self._socket.sendall(
            f"GET /admin/live/socket/ HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {site}\r\nCookie: {cookie}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = self._until(lambda received: received.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in received else 0)
        assert b" 101 " in head, head

    def _until(self, length_of):
        while not (length := length_of(self._received)):
            piece = self._socket.recv(65536)
            if not piece:
                raise ConnectionResetError("the server has closed the connection")
            self._received += piece
        taken, self._received = self._received[:length], self._received[length:]
        return taken

    def read(self):
        """The next batch. Raises ConnectionResetError, TimeoutError; after that one it can be called again."""
        while True:
            frame = self._until(lambda received: sum(_frame(received)) if len(received) >= sum(_frame(received)) else 0)
            payload = frame[_frame(frame)[0] :]
            if frame[0] & 15 == TEXT:
                return json.loads(payload)
            if frame[0] & 15 == CLOSE:
                raise ConnectionResetError(f"closed with {struct.unpack('!H', payload[:2])[0]}")

    def say(self, word, times=1, ping=False):
        """Send a text, or a ping, in a frame of its own each time."""
        data = word.encode()
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xff" + struct.pack("!Q", len(data))
        self._socket.sendall((bytes([0x80 | (PING if ping else TEXT)]) + length + bytes(4) + data) * times)

    def begin(self, pieces):
        """Send a message in so many pieces, and not its end."""
        piece = b"\xfd" + bytes(4) + b"x" * 125
        self._socket.sendall(bytes([TEXT]) + piece + (bytes([MORE]) + piece) * (pieces - 1))

    def close(self):
        """Leave without a word."""
        with contextlib.suppress(OSError):
            self._socket.close()
