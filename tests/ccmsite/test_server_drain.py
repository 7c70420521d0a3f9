"""What a client meets on its connection while the server ends."""

import contextlib
import json
import signal
import time

import pytest
from test_server import ask, read_all, serving
from test_server_commands import accepts

pytestmark = pytest.mark.server


@pytest.fixture
def served():
    with serving("ours") as one:
        yield one


@pytest.fixture
def draining(served):
    """A call that ends the server; a stream that was running keeps it draining for most of a second."""
    with served.connect() as stream:
        ask(stream, "/stream")
        assert b"200" in stream.recv(100)

        def begin():
            served.process.send_signal(signal.SIGTERM)
            while accepts(f"127.0.0.1:{served.port}"):  # the listening socket is gone once the drain has begun
                time.sleep(0.01)
            time.sleep(0.2)  # what was on its way is still taken

        yield begin


def answered_once(client):
    """Use a connection for one request, and leave it open."""
    ask(client, "/root")
    received = b""
    while not received.endswith(b"0\r\n\r\n"):
        received += client.recv(1000)


def says_come_back(received):
    head, _, body = received.partition(b"\r\n\r\n")
    told = json.loads(body)
    return (
        head.startswith(b"HTTP/1.1 503 ")
        and b"connection: close" in head
        and b"retry-after: " in head
        and (told["type"], told["error"]["type"]) == ("error", "api_error")
    )


def test_who_waits_at_the_door_is_let_in(served):
    """Connections that the kernel has taken and the server has not yet: the drain answers them, none is reset."""
    with contextlib.ExitStack() as opened:
        served.process.send_signal(signal.SIGSTOP)
        clients = [opened.enter_context(served.connect()) for _ in range(150)]
        for client in clients:
            ask(client, "/root")
        served.process.send_signal(signal.SIGTERM)
        served.process.send_signal(signal.SIGCONT)
        answers = [read_all(client) for client in clients]
    assert all(received.startswith(b"HTTP/1.1 200 ") and b"bye" in received and ended for received, ended in answers)


def test_a_connection_at_rest_is_closed_at_once(served, draining):
    """A keep-alive connection between two requests ends when the drain begins, not when it is over."""
    with served.connect() as client:
        answered_once(client)
        draining()
        client.settimeout(0.4)
        assert client.recv(100) == b""
        assert served.process.poll() is None


def test_an_answer_says_that_it_is_the_last(served, draining):
    """A request that was running is answered, with connection: close, and its connection ends."""
    with served.connect() as client:
        ask(client, "/soon")
        time.sleep(0.2)
        draining()
        received, ended = read_all(client)
    assert received.startswith(b"HTTP/1.1 200 ") and b"bye" in received
    assert b"connection: close" in received.lower() and ended


def test_a_stream_that_ends_takes_its_connection_along(served):
    """Its head was sent before anybody knew: the end of the connection says it instead."""
    with served.connect() as client:
        ask(client, "/stream")
        assert b"200" in client.recv(100)
        served.process.send_signal(signal.SIGTERM)
        received, ended = read_all(client)
    assert b"done" in received and received.endswith(b"0\r\n\r\n") and ended


@pytest.mark.parametrize("used", [True, False])
def test_a_request_that_comes_during_the_drain_is_sent_away(served, draining, used):
    """On a connection from before, used or not: 503, come back later, and nothing of it is run."""
    with served.connect() as client:
        if used:
            answered_once(client)
            client.sendall(b"GET /root HT")
            time.sleep(0.1)
        draining()
        client.sendall((b"" if used else b"GET /root HT") + b"TP/1.1\r\nHost: localhost\r\n\r\n")
        received, ended = read_all(client)
    assert says_come_back(received) and ended


def test_a_body_that_is_under_way_is_let_in(served):
    """A request whose head was accepted counts as running: the drain waits for its body and answers it."""
    with served.connect() as client:
        client.sendall(b"POST /root HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n" + b"x" * 10_000)
        time.sleep(0.2)
        served.process.send_signal(signal.SIGTERM)
        time.sleep(0.4)
        client.sendall(b"x" * 10_000)
        received, ended = read_all(client)
    assert received.startswith(b"HTTP/1.1 200 ") and b"bye" in received and ended
    assert b"connection: close" in received.lower()


def test_an_answer_that_is_not_read_yet_is_not_cut(served):
    """The application is done, its client still reads: the process stays until the answer is out."""
    received = 0
    with served.connect(65536) as client:
        ask(client, "/big-end")
        received += len(client.recv(65536))
        served.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        while piece := client.recv(1 << 20):
            received += len(piece)
    assert received > 8_000_000


def test_a_client_that_left_does_not_hold_up_the_end():
    """Half a body, then silence and a closed connection: nobody waits for the rest, though the drain could."""
    with serving("ours", "60") as served:
        with served.connect() as client:
            client.sendall(b"POST /root HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\nx")
            time.sleep(0.2)
        time.sleep(0.1)
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(30) == 0
