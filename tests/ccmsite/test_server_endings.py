"""How answers, connections and the process end on our server, where that is easily got wrong."""

import select
import signal
import time

import pytest
from test_server import ask, serving

pytestmark = pytest.mark.server


def said(served, seconds):
    """The next line that the application prints, or None."""
    ready, _, _ = select.select([served.process.stdout], [], [], seconds)
    return served.process.stdout.readline().strip() if ready else None


def end_of(client, seconds):
    """Seconds until the connection ends; fails when it does not."""
    client.settimeout(seconds)
    started = time.monotonic()
    try:
        while client.recv(65536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        pytest.fail("the connection stays open")
    return time.monotonic() - started


@pytest.mark.parametrize("path", ["/late", "/unfinished"])
def test_an_incomplete_answer_ends_at_once(path):
    """An application that fails or returns in the middle of its answer: the client need not wait for a tick."""
    with serving("ours") as served, served.connect() as client:
        ask(client, path)
        assert end_of(client, 3) < 0.5


def test_a_slow_client_that_reads_is_not_cut():
    """One piece that takes longer to send than the stall limit arrives whole while the client goes on reading."""
    received = 0
    with serving("ours") as served, served.connect() as client:
        ask(client, "/big-piece", b"Connection: close\r\n")
        while piece := client.recv(65536):
            received += len(piece)
            time.sleep(0.004)
    assert received > 24_000_000


def test_the_application_does_not_wait_for_a_complete_answer_to_be_read():
    """A large last piece for a client that does not read: the application can clean up at once."""
    with serving("ours") as served, served.connect(4096) as client:
        ask(client, "/big-end")
        assert said(served, 2) == "ended"


def test_a_refusal_is_the_last_word():
    """A client that asks before it sends its body gets the refusal and no "100 Continue" behind it."""
    with serving("ours") as served, served.connect() as client:
        client.sendall(
            b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 900\r\n\r\n"
        )
        received = b""
        while piece := client.recv(65536):
            received += piece
    assert b" 401 " in received
    assert received.count(b"HTTP/1.1") == 1


def test_an_escaped_path_meets_the_gate():
    """The gate sees the path that the application will see."""
    with serving("ours") as served, served.connect() as client:
        client.sendall(b"POST /%761/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n")
        assert b" 401 " in client.recv(1000)


def test_a_websocket_is_served_and_does_not_hold_up_the_end():
    """A WebSocket's replies need no brake; when the server ends it is told so at once, and nobody waits for it."""
    with serving("ours", "60") as served, served.connect() as client:
        client.sendall(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert b" 101 " in client.recv(1000)
        assert said(served, 2) == "accepted"
        served.process.send_signal(signal.SIGTERM)
        assert said(served, 4) == "websocket.disconnect"
        assert client.recv(1000) == b"\x88\x02" + (1001).to_bytes(2, "big")
        served.process.wait(20)


def test_a_failing_exit_hook_does_not_keep_the_process():
    """The process ends on SIGTERM even when the log cannot be written."""
    with serving("failing-exit") as served:
        served.process.send_signal(signal.SIGTERM)
        served.process.wait(6)
