"""Each thing our server does that stock daphne does not; every test also shows that stock daphne does not."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.server
SCRIPT = pathlib.Path(__file__).with_name("serving.py")
ROOT = SCRIPT.parent.parent.parent


class Served:
    def __init__(self, process, port):
        self.process, self.port = process, port

    def connect(self, receive_buffer=None):
        client = socket.socket()
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(8)
        client.connect(("127.0.0.1", self.port))
        return client

    def rss_mb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise AssertionError("no VmRSS")


@contextlib.contextmanager
def serving(kind, *options):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), kind, str(port), *options], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert process.stdout.readline().startswith("port")
        served, end = Served(process, port), time.monotonic() + 10
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield served
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(client, path, *headers):
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n".encode() + b"".join(headers) + b"\r\n")


def read_all(client):
    received = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        while piece := client.recv(65536):
            received += piece
        return received, True
    return received, False


@pytest.mark.parametrize(("kind", "grows"), [("ours", False), ("stock", True)])
def test_a_client_that_never_reads_costs_little(kind, grows):
    """100 MB for a client that reads nothing: held by stock daphne, a few MB here."""
    with serving(kind) as served:
        before = served.rss_mb()
        with served.connect(4096) as client:
            ask(client, "/flood")
            client.recv(100)
            peak = before
            for _ in range(8):
                time.sleep(0.1)
                peak = max(peak, served.rss_mb())
    assert (peak - before > 20) is grows


def test_a_client_without_progress_is_cut():
    """A client that reads nothing for the stall limit loses its connection."""
    with serving("ours") as served, served.connect(4096) as client:
        ask(client, "/flood")
        time.sleep(1.2)
        started = time.monotonic()
        received, _ = read_all(client)
    assert time.monotonic() - started < 5
    assert len(received) < 50_000_000


@pytest.mark.parametrize(("kind", "ends"), [("ours", True), ("stock", False)])
def test_a_late_exception_ends_the_connection(kind, ends):
    """An application that fails after its first chunk: the client sees the end, not silence for ever."""
    with serving(kind) as served, served.connect() as client:
        client.settimeout(3)
        ask(client, "/late")
        received = b""
        try:
            while piece := client.recv(65536):
                received += piece
            ended = True
        except ConnectionError:
            ended = True
        except TimeoutError:
            ended = False
    assert b"begun" in received
    assert ended is ends


@pytest.mark.parametrize(
    ("kind", "path", "start"),
    [
        ("ours", "/v1/messages/broken", b'{"type":"error"'),
        ("ours", "/v1/chat/broken", b'{"error":{"message"'),
        ("ours", "/v1/responses/broken", b'{"error":{"message"'),
        ("stock", "/v1/chat/broken", b"<html>"),
    ],
)
def test_an_early_exception_is_told_in_the_dialect_of_the_path(kind, path, start):
    """An application that fails before it says anything: an error in JSON, where stock daphne sends a page."""
    with serving(kind) as served, served.connect() as client:
        ask(client, path, b"x-api-key: k\r\nConnection: close\r\n")
        head, _, body = read_all(client)[0].partition(b"\r\n\r\n")
    assert b" 500 " in head.split(b"\r\n")[0]
    assert start in body[:30]


@pytest.mark.parametrize(("kind", "complete"), [("ours", True), ("stock", False)])
def test_sigterm_lets_streams_end(kind, complete):
    """A stream that is running at SIGTERM is finished first."""
    with serving(kind) as served, served.connect() as client:
        ask(client, "/stream")
        assert b"200" in client.recv(100)
        served.process.send_signal(signal.SIGTERM)
        received, _ = read_all(client)
        assert (b"done" in received) is complete


def test_after_the_drain_requests_are_told_and_the_log_is_flushed():
    """A stream that does not end in time is told that its client is gone; then the exit hook runs and the code is 0."""
    with serving("ours") as served, served.connect() as client:
        ask(client, "/until-told")
        assert b"200" in client.recv(100)
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(8) == 0
        assert served.process.stdout.read().split() == ["told", "flushed"]


@pytest.mark.parametrize(("kind", "status"), [("ours", b"401"), ("stock", None)])
def test_a_body_is_not_read_before_a_key_was_shown(kind, status):
    """Without a key the answer comes after the headers; stock daphne waits for the whole body."""
    with serving(kind) as served, served.connect() as client:
        client.settimeout(1.5)
        client.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n" + b"x" * 1000)
        try:
            answer = client.recv(1000)
        except TimeoutError:
            answer = b""
    assert answer[9:12] == (status or b"")


@pytest.mark.parametrize(("path", "pieces", "envelope"), [
    (b"/v1/messages", 80, b'{"type":"error"'), (b"/v1/chat/completions?x=1", 80, b'{"error":{"message"'),
    (b"/admin/login/", 45, b'{"type":"error"'),
])  # fmt: skip
@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_over_the_cap_is_refused_while_it_comes_in(chunked, path, pieces, envelope):
    """A body over the cap gets 413 in the path's dialect and is not read on; without a key the cap is low."""
    with serving("ours") as served, served.connect() as client:
        how = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (pieces * 65536)
        client.sendall(b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nx-api-key: k\r\n" + how + b"\r\n\r\n")
        piece = b"10000\r\n" + b"x" * 65536 + b"\r\n" if chunked else b"x" * 65536
        with contextlib.suppress(ConnectionError):
            for _ in range(pieces):
                client.sendall(piece)
        answer, _ = read_all(client)
    assert b" 413 " in answer.split(b"\r\n")[0]
    assert b"request_too_large" in answer
    assert answer.partition(b"\r\n\r\n")[2].startswith(envelope)


@pytest.mark.parametrize(("kind", "root"), [("ours", b""), ("stock", b"/evil")])
def test_a_client_cannot_move_the_root(kind, root):
    """A Daphne-Root-Path header from a client is ignored."""
    with serving(kind) as served, served.connect() as client:
        ask(client, "/root", b"Daphne-Root-Path: /evil\r\nConnection: close\r\n")
        received, _ = read_all(client)
    assert b"bye" in received
    assert (b"/evil" in received) is bool(root)


@pytest.mark.parametrize(("kind", "backlog"), [("ours", 2048), ("stock", 50)])
def test_the_listen_queue_takes_a_burst(kind, backlog):
    """The kernel queues a burst of connections instead of dropping them."""
    with serving(kind) as served:
        lines = subprocess.run(["ss", "-ltnH", f"sport = :{served.port}"], capture_output=True, text=True).stdout
    if not lines:
        pytest.skip("ss is missing: install iproute2")
    assert int(lines.split()[2]) == backlog
