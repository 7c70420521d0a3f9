"""A real `serve` whose PostgreSQL goes away, has no connection left, or changes under it."""

import contextlib
import http.client
import json
import threading

import psycopg
import pytest
from own_postgres import own_postgres
from test_server_commands import Operator, eventually

pytestmark = pytest.mark.server

CONFIG = '[[providers]]\nname = "echo"\nprovider_type = "echo"\nmodels = ["demo"]\n'
PATHS = {"/v1/messages": "api_error", "/v1/chat/completions": "server_error", "/v1/responses": "server_error"}
NOBODYS = "ccm_12345678_" + "k" * 43
ADDED = "ALTER TABLE {} ADD COLUMN novelty integer NOT NULL DEFAULT 7"
TABLES = [
    "proxy_requestlog", "proxy_attemptlog", "proxy_routersettings", "proxy_clientkey", "proxy_logicalmodel",
    "proxy_modelmapping", "providers_provider", "proxy_instance", "proxy_configrevision",
]  # fmt: skip


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    with own_postgres() as server:
        someone = Operator(tmp_path_factory.mktemp("migrated"))
        someone.env["DATABASE_URL"] = server.url
        (someone.place / "ccm.toml").write_text(CONFIG)
        for words in (("migrate", "-v0"), ("importconfig", str(someone.place / "ccm.toml"))):
            told = someone.types(*words)
            assert told.returncode == 0, told.stdout + told.stderr
        yield server


@pytest.fixture
def operator(tmp_path, postgres):
    someone = Operator(tmp_path)
    someone.env["DATABASE_URL"] = postgres.url
    postgres.fetch("DELETE FROM proxy_attemptlog")
    postgres.fetch("DELETE FROM proxy_requestlog")
    yield someone
    someone.types("stop")


def key_of(operator, name):
    told = operator.types("createclientkey", name, "--json")
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)["key"]


def start(operator):
    told = operator.types("serve", "127.0.0.1:0", "--detach")
    assert told.returncode == 0, told.stderr
    return operator.status()


def asks(address, key, path="/v1/messages"):
    """Status, headers and JSON of the answer to a small request."""
    body = {"model": "demo", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "input": "hi"}
    connection = http.client.HTTPConnection(address, timeout=20)
    with contextlib.closing(connection):
        headers = {"content-type": "application/json", "x-api-key": key, "x-forwarded-for": "203.0.113.9"}
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, json.loads(answer.read())


def outcomes(postgres):
    return [row[0] for row in postgres.fetch("SELECT outcome FROM proxy_requestlog ORDER BY id")]


def every_connection(postgres, taken):
    """Take all connections that are to be had."""
    with contextlib.suppress(psycopg.OperationalError):
        while True:
            yield taken.enter_context(psycopg.connect(postgres.url, autocommit=True))


def test_81_known_keys_are_served_while_postgres_is_away_but_not_for_ever(operator, postgres):
    """Known keys go on, unknown ones and, after a while, all get 503 in their dialect; it is over without a restart."""
    operator.env["CCM_STALE_CONFIG_MINUTES"] = "0.3"
    key = key_of(operator, "known")
    seen = start(operator)
    address = seen["address"]
    assert asks(address, key)[0] == 200
    assert asks(address, NOBODYS)[0] == 401
    postgres.stop()
    try:
        assert eventually(lambda: asks(address, NOBODYS)[0] == 503, 10)
        for path, kind in PATHS.items():
            status, headers, told = asks(address, NOBODYS, path)
            assert (status, told["error"]["type"], headers["retry-after"]) == (503, kind, "1")
            assert "database" in told["error"]["message"]
        assert asks(address, key)[0] == 200
        assert eventually(lambda: asks(address, key)[0] == 503, 30)
        assert "CCM_STALE_CONFIG_MINUTES" in asks(address, key)[2]["error"]["message"]
    finally:
        postgres.start()
    assert eventually(lambda: asks(address, key)[0] == 200, 40)
    assert eventually(lambda: asks(address, NOBODYS)[0] == 401, 20)
    made = key_of(operator, "new")
    assert eventually(lambda: asks(address, made)[0] == 200, 10)
    assert operator.status()["pid"] == seen["pid"]
    assert eventually(lambda: len(outcomes(postgres)) >= 4 and set(outcomes(postgres)) == {"ok"}, 30)


def test_81_a_server_starts_while_postgres_is_down(operator, postgres):
    """It says so with 503 and serves once the database is there."""
    key = key_of(operator, "early")
    postgres.stop()
    try:
        address = start(operator)["address"]
        assert asks(address, key)[0] == 503
    finally:
        postgres.start()
    assert eventually(lambda: asks(address, key)[0] == 200, 40)


def test_88_somebody_else_has_all_connections(operator, postgres):
    """Traffic goes on from memory, the rows wait, and both come right when there are connections again."""
    key = key_of(operator, "steady")
    address = start(operator)["address"]
    assert asks(address, key)[0] == 200
    assert eventually(lambda: outcomes(postgres) == ["ok"], 10)
    with contextlib.ExitStack() as taken:
        mine = [*every_connection(postgres, taken)]
        others = f"usename = 'app' AND NOT pid = ANY(ARRAY{[one.info.backend_pid for one in mine]})"
        postgres.fetch(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        mine += every_connection(postgres, taken)
        assert eventually(lambda: asks(address, NOBODYS)[0] == 503, 15)
        assert [asks(address, key)[0] for _ in range(20)] == [200] * 20
        assert len(outcomes(postgres)) == 1
    assert eventually(lambda: outcomes(postgres) == ["ok"] * 21, 40)
    assert eventually(lambda: asks(address, NOBODYS)[0] == 401, 40)


def test_86_columns_are_added_while_requests_are_served(operator, postgres):
    """Old code on a schema that has grown: no request fails, no row is lost, changes are still noticed."""
    key = key_of(operator, "during")
    address = start(operator)["address"]
    over, statuses = threading.Event(), []

    def traffic():
        while not over.is_set():
            statuses.append(asks(address, key)[0])

    asker = threading.Thread(target=traffic)
    asker.start()
    try:
        assert eventually(lambda: len(statuses) > 5)
        for table in TABLES:
            postgres.fetch(ADDED.format(table))
        before = len(statuses)
        made = key_of(operator, "after")
        assert eventually(lambda: asks(address, made)[0] == 200, 10)
        assert eventually(lambda: len(statuses) > before + 20)
    finally:
        over.set()
        asker.join(20)
        for table in TABLES:
            postgres.fetch(f"ALTER TABLE {table} DROP COLUMN IF EXISTS novelty")
    assert set(statuses) == {200}
    assert eventually(lambda: outcomes(postgres).count("ok") > len(statuses), 15)
