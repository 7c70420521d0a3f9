"""A real `serve` in straits: no memory, no file descriptors, a dead Redis, columns that are added under it."""

import contextlib
import http.client
import json
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading

import pytest
from test_server_commands import ROOT, Operator, database, eventually

from tests.upstream import ScriptedUpstream

pytestmark = pytest.mark.server
__all__ = ["database"]

CONFIG = """
[[providers]]
name = "slow"
provider_type = "anthropic-compatible"
base_url = "{url}/slow/400"
api_key = "sk-slow"
models = ["slow"]
[[providers]]
name = "echo"
provider_type = "echo"
models = ["demo"]
"""
DESCRIPTORS = 100


@pytest.fixture
def operator(tmp_path, database):
    with ScriptedUpstream() as upstream:
        someone = Operator(tmp_path)
        shutil.copy(database, tmp_path)
        someone.imports(CONFIG.format(url=upstream.url))
        yield someone
        someone.types("stop")


def start(operator):
    told = operator.types("serve", "127.0.0.1:0", "--detach")
    assert told.returncode == 0, told.stderr
    return operator.status()["address"]


@contextlib.contextmanager
def asked(address, model="demo", stream=False):
    """The answer to a small request."""
    body = {"model": model, "max_tokens": 9, "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
    connection = http.client.HTTPConnection(address, timeout=20)
    with contextlib.closing(connection):
        connection.request("POST", "/v1/messages", json.dumps(body), {"content-type": "application/json"})
        yield connection.getresponse()


def status_of(address):
    try:
        with asked(address) as answer:
            answer.read()
            return answer.status
    except (OSError, http.client.HTTPException):
        return 0


def outcomes(operator):
    with contextlib.closing(sqlite3.connect(operator.place / "db.sqlite3", timeout=10)) as rows:
        return [row[0] for row in rows.execute("SELECT outcome FROM proxy_requestlog ORDER BY id")]


def test_92_a_process_above_its_memory_limit_sends_requests_away_unread(operator):
    """Refused at the end of the headers, in the dialect, with a time to come back; it is alive all the while."""
    operator.env["CCM_MEMORY_LIMIT_MB"] = "40"
    host, _, port = start(operator).rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n")
        head, _, body = client.recv(65536).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 529 ") and b"retry-after: 5" in head
    assert json.loads(body)["error"]["type"] == "overloaded_error"
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200


@pytest.mark.parametrize("silent", [False, True], ids=["closed port", "accepts and is silent"])
def test_89_a_redis_that_does_not_answer_holds_up_nobody(operator, silent):
    """No request touches it: answers and rows are those of every day."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        operator.env["REDIS_URL"] = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        if not silent:
            listener.close()
        address = start(operator)
        assert [status_of(address) for _ in range(10)] == [200] * 10
        assert eventually(lambda: outcomes(operator) == ["ok"] * 10)


def test_86_columns_are_added_while_requests_are_served(operator):
    """Old code on a schema that has grown: no request fails, no row is lost, changes are still noticed."""
    address = start(operator)
    over, statuses = threading.Event(), []

    def traffic():
        while not over.is_set():
            statuses.append(status_of(address))

    asker = threading.Thread(target=traffic)
    asker.start()
    try:
        assert eventually(lambda: len(statuses) > 5)
        with contextlib.closing(sqlite3.connect(operator.place / "db.sqlite3", timeout=20)) as rows:
            found = rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            tables = [name for (name,) in found if name.startswith(("proxy_", "providers_"))]
            assert len(tables) > 8
            for table in tables:
                rows.execute(f"ALTER TABLE {table} ADD COLUMN novelty integer NOT NULL DEFAULT 7")
        before = len(statuses)
        config = (operator.place / "ccm.toml").read_text().replace('models = ["demo"]', 'models = ["demo", "more"]')
        operator.imports(config)

        def knows_more():
            with asked(address, "more") as answer:
                return answer.read() and answer.status == 200

        assert eventually(knows_more)
        assert eventually(lambda: len(statuses) > before + 20)
    finally:
        over.set()
        asker.join(20)
    assert set(statuses) == {200}
    assert eventually(lambda: outcomes(operator).count("ok") > len(statuses), 15)


def test_95_without_file_descriptors_streams_live_and_it_recovers(operator):
    """Strangers take every descriptor: the stream that runs ends as it should, and afterwards all is well."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "serve", address], env=operator.env, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS)),
    )  # fmt: skip
    try:
        assert eventually(lambda: status_of(address) == 200, 30)
        with asked(address, "slow", stream=True) as answer, contextlib.ExitStack() as strangers:
            told = answer.read(60)
            for _ in range(2 * DESCRIPTORS):
                stranger = strangers.enter_context(socket.socket())
                stranger.setblocking(False)
                stranger.connect_ex(("127.0.0.1", port))
            assert status_of_soon(address) != 200
            told += answer.read()
            assert b"message_stop" in told and b"event: error" not in told
        assert eventually(lambda: status_of(address) == 200, 20)
        assert server.poll() is None
    finally:
        server.terminate()
        server.wait(40)


def status_of_soon(address):
    """The status of a request that gets no more than half a second."""
    connection = http.client.HTTPConnection(address, timeout=0.5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
