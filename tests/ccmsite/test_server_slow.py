"""Requests that arrive slowly: a drip is ended with 408, a steady upload is not. A window is one second here."""

import contextlib
import json
import select
import time

import pytest
from test_server import read_all, serving

pytestmark = pytest.mark.server
LINE = b"POST /v1/messages HTTP/1.1\r\n"
HEAD = LINE + b"Host: localhost\r\nx-api-key: k\r\n"
FIXED = HEAD + b"Content-Length: 900000\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def served():
    with serving("ours") as one:
        yield one


def drip(client, pieces, seconds=0.1):
    """Send piece after piece until there is an answer or nothing is left; the answer and whether the end came."""
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            client.sendall(piece)
            if select.select([client], [], [], seconds)[0]:
                break
    return read_all(client)


@pytest.mark.parametrize(
    ("begun", "piece"),
    [
        (b"POST", b""), (b"POST /", b"a"), (LINE, b""), (LINE, b"x: y\r\n"), (FIXED, b""), (FIXED, b"x"),
        (FIXED + b"x" * 100_000, b"x"), (CHUNKED, b"1\r\nx\r\n"), (CHUNKED, b""), (CHUNKED + b"1;", b"a"),
    ],
)  # fmt: skip
def test_a_drip_is_ended(served, begun, piece):
    """Half a line, half a head, either kind of body, begun fast or slowly: 408 in the envelope, then the end."""
    with served.connect() as client:
        client.sendall(begun)
        answer, ended = drip(client, [piece] * 60)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert ended and head.startswith(b"HTTP/1.1 408 ") and b"connection: close" in head
    told = json.loads(body)
    assert (told["type"], told["error"]["type"]) == ("error", "timeout_error")


@pytest.mark.parametrize("chunked", [True, False])
def test_a_steady_upload_is_not_ended(served, chunked):
    """A body that takes several windows at ten thousand bytes a second is answered."""
    piece = b"3e8\r\n" + b"x" * 1000 + b"\r\n" if chunked else b"x" * 1000
    begun = CHUNKED if chunked else HEAD + b"Content-Length: 30000\r\n\r\n"
    with served.connect() as client:
        client.sendall(begun.replace(b"/v1/messages", b"/upload").replace(b"x-api-key", b"Connection: close\r\nx"))
        answer, _ = drip(client, [piece] * 30 + [b"0\r\n\r\n"] * chunked)
    assert answer.startswith(b"HTTP/1.1 200 ") and b"bye" in answer


def test_a_connection_may_rest_between_requests(served):
    """A client that keeps its connection and asks again later is served; so is one that connects before it asks."""
    with served.connect() as client:
        for _ in range(2):
            time.sleep(1.5)
            client.sendall(b"GET /root HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_an_answer_may_take_its_time(served):
    """Nothing arrives while a request is worked on, nor need it."""
    with served.connect() as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer, _ = read_all(client)
    assert answer.startswith(b"HTTP/1.1 200 ") and b"bye" in answer
