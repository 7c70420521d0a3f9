"""`manage.py serve` while its database is away: it starts, says so, and serves as soon as the database is back."""

import http.client
import json
import shutil
import socket

import pytest
from test_server_commands import Operator, database, eventually

pytestmark = pytest.mark.server
__all__ = ["database"]


def asks(address, path, method="GET", body=None, headers=None):
    """Status, headers and JSON of one answer."""
    connection = http.client.HTTPConnection(address, timeout=8)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, json.loads(answer.read())
    finally:
        connection.close()


@pytest.fixture
def operator(tmp_path):
    someone = Operator(tmp_path)
    yield someone
    someone.types("stop")


def address_of(operator):
    told = operator.types("serve", "127.0.0.1:0", "--detach")
    assert told.returncode == 0, told.stderr
    return operator.status()["address"]


def test_the_server_starts_without_its_database_and_serves_when_it_is_back(operator, tmp_path, database):
    """Until then the process is alive, not ready, and /v1 says why in the envelope; no restart is needed."""
    away = tmp_path / "not-mounted"
    operator.env["DATABASE_URL"] = f"sqlite:///{away}/db.sqlite3"
    address = address_of(operator)
    assert asks(address, "/healthz")[0] == 200
    status, _, told = asks(address, "/readyz")
    assert status == 503 and "DATABASE_URL" in told["reasons"][0]
    status, headers, told = asks(address, "/v1/models")
    assert (status, told["type"], told["error"]["type"]) == (503, "error", "api_error")
    assert "DATABASE_URL" in told["error"]["message"] and headers["retry-after"] == "1"
    away.mkdir()
    shutil.copy(database, away)
    assert eventually(lambda: asks(address, "/readyz")[0] == 200)
    assert asks(address, "/v1/models")[0] == 200


def test_a_database_server_that_does_not_answer_holds_up_nothing(operator):
    """A database server that takes the connection and stays silent: the server starts and answers at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        operator.env["DATABASE_URL"] = f"postgres://u:p@127.0.0.1:{silent.getsockname()[1]}/x"
        address = address_of(operator)
        assert asks(address, "/healthz")[0] == 200
        status, _, told = asks(address, "/v1/models")
    assert (status, told["error"]["type"]) == (503, "api_error")
    assert "database" in told["error"]["message"]


def test_no_body_is_read_before_it_is_known_who_may_send_one(operator, tmp_path):
    """Without a configuration a request is refused at the end of its headers, before a body was sent."""
    operator.env["DATABASE_URL"] = f"sqlite:///{tmp_path}/not-mounted/db.sqlite3"
    host, _, port = address_of(operator).rpartition(":")
    with socket.create_connection((host, int(port)), timeout=4) as client:
        client.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n")
        answer = client.recv(4096)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ") and b"retry-after: 1" in head and b"connection: close" in head
    assert json.loads(body)["error"]["type"] == "api_error"
