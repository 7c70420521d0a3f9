"""What a viewer of the live page can cost a real server that does not read, or does not listen, or talks too much."""

import contextlib
import http.client
import json
import pathlib
import shutil
import sqlite3
import threading
import time

import pytest
from raw_socket import RawSocket, cookie
from test_server_commands import Operator, database, eventually

pytestmark = pytest.mark.server
__all__ = ["database"]

CONFIG = """
[[providers]]
name = "main"
provider_type = "echo"
models = ["demo"]
"""
LONG = "\N{PARROT}" * 200
BODY = json.dumps(
    {
        "model": f"main,{LONG}", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}],
        "metadata": {"user_id": json.dumps({"session_id": LONG})},
    }
)  # fmt: skip
EVENTS = 2
"""Of each request: it begins and ends."""
REQUEST_BYTES = 4_000
"""Of the events of one, as JSON, at least, with such names."""
LIMIT_MB = 5
NOISE_MB = 4
"""What log and heap take beside it on a busy machine. Without its bound a viewer would take 16 MB and more here."""
PASSWORD = "a long pass phrase"


class Served:
    """A server, its memory, and requests of the largest events there are."""

    def __init__(self, operator):
        told = operator.types("serve", "127.0.0.1:0", "--detach")
        assert told.returncode == 0, told.stderr
        status = operator.status()
        self.address, self.pid = status["address"], status["pid"]
        self.site = f"http://{self.address}"
        self.cookie = cookie(self.site)
        self._database, self._asked = operator.place / "db.sqlite3", 0

    def ask(self, count, hands=4):
        """So many requests; the next hundreds when the log has written the last ones, so that it adds nothing."""
        for _ in range(count // 500):
            threads = [threading.Thread(target=self._ask, args=(500 // hands,)) for _ in range(hands)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self._asked += 500
            assert eventually(lambda: self._rows() == self._asked, 20)

    def _ask(self, count):
        with contextlib.closing(http.client.HTTPConnection(self.address, timeout=20)) as connection:
            for _ in range(count):
                connection.request("POST", "/v1/messages", BODY, {"content-type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200

    def _rows(self):
        with contextlib.closing(sqlite3.connect(self._database, timeout=20)) as rows:
            return rows.execute("SELECT count(*) FROM proxy_requestlog").fetchone()[0]

    @property
    def memory_mb(self):
        """What belongs to this process alone."""
        lines = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()[1:]
        fields = {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
        return (fields["Private_Clean"] + fields["Private_Dirty"]) / 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory, database):
    operator = Operator(tmp_path_factory.mktemp("viewers"))
    shutil.copy(database, operator.place)
    operator.imports(CONFIG)
    operator.env |= {"DJANGO_SUPERUSER_PASSWORD": PASSWORD, "CCM_LOG_LEVEL": "error"}
    told = operator.types("createsuperuser", "--noinput", "--username", "admin", "--email", "")
    assert told.returncode == 0, told.stdout + told.stderr
    try:
        made = Served(operator)
        with reading(made):  # what a process needs once, viewer and all
            made.ask(3000)
        yield made
    finally:
        operator.types("stop")


@contextlib.contextmanager
def reading(server, confirms=True):
    """A viewer who reads as fast as he can; what he was told of, in the end, in the list."""
    socket, over, told = RawSocket(server.site, server.cookie, 65536, patience=1), threading.Event(), []

    def read():
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                told.append(socket.read())
                if confirms:
                    socket.say(told[-1]["token"])

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield told
        end = time.monotonic() + 10
        while confirms and counted(told) < EVENTS * server._asked and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        over.set()
        thread.join()
        socket.close()


def counted(told):
    return sum(len(batch["events"]) for batch in told) + (told[-1]["dropped"] if told else 0)


@pytest.mark.skipif(not pathlib.Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's smaps_rollup")
def test_a_viewer_who_never_reads_costs_at_most_five_megabytes(server):
    """What everybody else asks meanwhile goes past him; when he reads at last he is told how much he has missed."""
    count = 3500  # soon done: a client that answers no ping is left after 50 s
    assert count * REQUEST_BYTES > 1.5 * (LIMIT_MB + NOISE_MB) * 1_000_000
    before, viewer = server.memory_mb, RawSocket(server.site, server.cookie)
    with contextlib.closing(viewer):
        viewer.say(viewer.read()["token"])  # let in: from here on nothing is missed
        server.ask(count)
        assert server.memory_mb - before < LIMIT_MB + NOISE_MB
        events, dropped, end = 0, 0, time.monotonic() + 30
        while events + dropped < EVENTS * count and time.monotonic() < end:
            batch = viewer.read()
            viewer.say(batch["token"])
            events, dropped = events + len(batch["events"]), batch["dropped"]
    assert events + dropped == EVENTS * count
    assert dropped > EVENTS * count / 2


@pytest.mark.skipif(not pathlib.Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's smaps_rollup")
def test_a_viewer_who_reads_and_never_says_so_is_sent_four_batches(server):
    """He is taken for one who does not read: memory stays, and no more is sent."""
    before = server.memory_mb
    with reading(server, confirms=False) as told:
        server.ask(2000)
        assert server.memory_mb - before < LIMIT_MB + NOISE_MB
    assert len(told) == 4
    assert sum(len(batch["events"]) for batch in told) < 400


def flooding(server, frames, cookie):
    """Whoever sends frames without end, whatever he is told."""
    socket = RawSocket(server.site, cookie)
    with contextlib.closing(socket), contextlib.suppress(ConnectionError):  # it is closed, not left waiting
        frames(socket)
        while True:
            socket.read()


@pytest.mark.skipif(not pathlib.Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's smaps_rollup")
@pytest.mark.parametrize("signed_in", [True, False], ids=["a viewer", "a stranger"])
def test_a_client_that_talks_without_end_is_cut_at_once(server, signed_in):
    """Confirmations never earned, messages long or endless, pings: nothing piles up, though nobody need sign in."""
    before, shown = server.memory_mb, server.cookie if signed_in else "sessionid=none"
    for _ in range(3):
        flooding(server, lambda socket: socket.say("0" * 16, 1_000_000), shown)
        flooding(server, lambda socket: socket.say("x" * 1_000_000, 40), shown)
        flooding(server, lambda socket: socket.begin(300_000), shown)
        flooding(server, lambda socket: socket.say("p" * 125, 200_000, ping=True), shown)
    assert server.memory_mb - before < LIMIT_MB + NOISE_MB
