"""The log of a real server that is killed, or ended while its database is locked."""

import http.client
import json
import os
import shutil
import signal
import sqlite3
import threading

import pytest
from test_server_commands import Operator, database, eventually

from tests.upstream import ScriptedUpstream

pytestmark = pytest.mark.server
__all__ = ["database"]

CONFIG = """
[[providers]]
name = "slow"
provider_type = "anthropic-compatible"
base_url = "{url}/silent/60"
api_key = "sk-slow"
models = ["slow"]
[[providers]]
name = "echo"
provider_type = "echo"
models = ["demo"]
"""


@pytest.fixture
def operator(tmp_path, database):
    with ScriptedUpstream() as upstream:
        someone = Operator(tmp_path)
        shutil.copy(database, tmp_path)
        someone.imports(CONFIG.format(url=upstream.url))
        yield someone
        someone.types("stop")


def start(operator, *options):
    told = operator.types("serve", "127.0.0.1:0", "--detach", *options)
    assert told.returncode == 0, told.stderr
    seen = operator.status()
    return seen["pid"], seen["address"]


def asks(address, model, stream=False):
    """Send a request; the connection and its answer."""
    body = {"model": model, "max_tokens": 9, "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("POST", "/v1/messages", json.dumps(body), {"content-type": "application/json"})
    return connection, connection.getresponse()


def rows(operator, what="outcome", order="id"):
    with sqlite3.connect(operator.place / "db.sqlite3") as database:
        found = database.execute(f"SELECT {what} FROM proxy_requestlog ORDER BY {order}").fetchall()
    database.close()
    return [row[0] if len(row) == 1 else row for row in found]


def change(operator, statement):
    with sqlite3.connect(operator.place / "db.sqlite3", timeout=10) as database:
        database.execute(statement)
    database.close()


def test_a_request_of_a_killed_server_is_open_and_then_lost(operator):
    """kill -9 in mid-stream: the next server's sweeper marks the row once nobody has been heard for a minute."""
    pid, address = start(operator)
    client, answer = asks(address, "slow", stream=True)
    assert answer.status == 200 and answer.readline()
    assert eventually(lambda: rows(operator) == ["open"], 15)
    os.kill(pid, signal.SIGKILL)
    client.close()
    assert eventually(lambda: not operator.status()["running"])
    change(operator, "UPDATE proxy_instance SET seen = datetime(seen, '-2 minutes')")
    start(operator)
    assert eventually(lambda: rows(operator) == ["lost"], 15)
    assert rows(operator, "attempts, provider") == [(1, "slow")]
    told = operator.types("history", "--status", "lost", "--json")
    assert "ended without a word" in told.stdout


def test_a_long_request_of_a_server_that_ends_has_one_row(operator):
    """SIGTERM while a request runs that has its row already: its client is told, and the row gets its end."""
    pid, address = start(operator, "--drain", "1")
    client, answer = asks(address, "slow", stream=True)
    assert answer.status == 200 and answer.readline()
    assert eventually(lambda: rows(operator) == ["open"], 15)
    os.kill(pid, signal.SIGTERM)
    assert b"event: error" in (told := answer.read()) and b"the server is ending; send this again" in told
    assert eventually(lambda: not operator.status()["running"], 15)
    client.close()
    assert rows(operator, "outcome, status, error") == [("interrupted", 503, "the server is ending; send this again")]


def test_a_server_that_ends_while_its_database_is_locked_loses_no_row(operator):
    """Clients are served during the lock, SIGTERM comes, and after the next start every row is there."""
    pid, address = start(operator, "--drain", "1")
    client, answer = asks(address, "demo")
    answer.read()
    client.close()
    assert eventually(lambda: rows(operator) == ["ok"])
    lock = sqlite3.connect(operator.place / "db.sqlite3", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    answered = []

    def ask():
        client, answer = asks(address, "demo")
        answer.read()
        answered.append(answer.status)
        client.close()

    askers = [threading.Thread(target=ask) for _ in range(20)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(20)
    assert answered == [200] * 20
    os.kill(pid, signal.SIGTERM)
    assert eventually(lambda: not operator.status()["running"], 30)
    lock.execute("ROLLBACK")
    lock.close()
    assert list(operator.run_dir.glob("log-*.spill"))
    start(operator)
    assert eventually(lambda: len(rows(operator)) == 21, 15)
    assert set(rows(operator)) == {"ok"}
    assert eventually(lambda: len(list(operator.run_dir.glob("log-*.spill"))) == 0)
