"""`serve`, `status`, `restart` and `stop` as an operator meets them."""

import contextlib
import gc
import json
import math
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from django.core.management import CommandError, call_command

from ccmsite.management.commands import serve

pytestmark = pytest.mark.server
ROOT = pathlib.Path(__file__).parent.parent.parent


class Operator:
    """Types commands, in a place of his own."""

    def __init__(self, place):
        self.place = place
        self.run_dir = place / "run"
        self.env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")} | {
            "CCM_ENV_FILE": os.devnull, "SECRET_KEY": "only-for-tests", "CCM_RUN_DIR": str(self.run_dir),
            "CCM_FIELD_KEYS": "dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdCE=",
            "DATABASE_URL": f"sqlite:///{place}/db.sqlite3", "PYTHONPATH": str(ROOT),
        }  # fmt: skip

    def types(self, *words):
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words], env=self.env, capture_output=True, text=True, timeout=60
        )

    def imports(self, config):
        (self.place / "ccm.toml").write_text(config)
        told = self.types("importconfig", str(self.place / "ccm.toml"))
        assert told.returncode == 0, told.stdout + told.stderr

    def status(self):
        return json.loads(self.types("status", "--json").stdout)

    def pretend(self, pid):
        self.run_dir.mkdir(mode=0o700, exist_ok=True)
        (self.run_dir / "ccm.pid").write_text(json.dumps({"pid": pid, "address": "127.0.0.1:9", "workers": 1}))


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    someone = Operator(tmp_path_factory.mktemp("database"))
    told = someone.types("migrate", "-v0")
    assert told.returncode == 0, told.stderr
    return someone.place / "db.sqlite3"


@pytest.fixture
def operator(tmp_path, database):
    someone = Operator(tmp_path)
    shutil.copy(database, tmp_path)
    yield someone
    someone.types("stop")


def eventually(check, seconds=30.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.05)
    return False


def children(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_there(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def accepts(address):
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_a_server_is_started_seen_and_stopped(operator):
    """Every command says what is so, a second server is refused, and the files are their owner's alone."""
    assert operator.types("serve", "127.0.0.1:0", "--detach").returncode == 0
    seen, pid_file = operator.status(), operator.run_dir / "ccm.pid"
    assert seen["running"] and seen["healthy"]
    assert oct(pid_file.stat().st_mode)[-3:] == "600" and oct(operator.run_dir.stat().st_mode)[-3:] == "700"
    second = operator.types("serve", "127.0.0.1:0")
    assert second.returncode == 1 and "already running" in second.stderr
    assert operator.types("stop").returncode == 0
    assert not pid_file.exists() and not is_there(seen["pid"]) and not accepts(seen["address"])


def test_a_restart_keeps_the_address_and_the_drain(operator):
    """What was said at the start is still so after a restart; the process is a new one."""
    assert operator.types("serve", "127.0.0.1:0", "--detach", "--drain", "2").returncode == 0
    first = json.loads((operator.run_dir / "ccm.pid").read_text())
    assert operator.types("restart").returncode == 0
    second = json.loads((operator.run_dir / "ccm.pid").read_text())
    assert second["address"] == first["address"] and second["drain_s"] == 2
    assert second["pid"] != first["pid"]


@pytest.mark.parametrize("wrong", [{"drain": -1}, {"drain": math.nan}, {"drain": math.inf}, {"workers": 0}])
def test_a_number_that_makes_no_sense_is_refused(monkeypatch, wrong):
    """Before anything listens, and with the option's name."""
    monkeypatch.setattr(os, "umask", lambda mask: None)
    with pytest.raises(CommandError, match=f"--{next(iter(wrong))} must be"):
        call_command("serve", "127.0.0.1:0", **wrong)


@pytest.mark.parametrize("words", [("serve", "127.0.0.1:0"), ("serve", "127.0.0.1:0", "--detach")])
def test_a_run_directory_that_cannot_be_written_is_named(operator, words):
    """A message with the variable and the path, not a traceback; nothing is served."""
    operator.run_dir.write_text("a file is in the way", encoding="utf-8")
    told = operator.types(*words)
    assert told.returncode == 1 and "Traceback" not in told.stderr
    assert f"CCM_RUN_DIR ({operator.run_dir}): File exists" in told.stderr


def test_a_busy_port_is_named(operator):
    """A port in use is a message with the address in it, not a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        told = operator.types("serve", address)
    assert told.returncode == 1
    assert address in told.stderr and "Traceback" not in told.stderr


def test_another_process_with_the_old_number_is_left_alone(operator):
    """A PID file left behind by a crash, whose number now belongs to something else: nothing is killed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        operator.pretend(other.pid)
        assert operator.types("status").returncode == 3
        assert "not running" in operator.types("stop").stdout
        assert other.poll() is None
        other.communicate(b"\n")
    assert other.returncode == 0


def test_the_environments_proxy_is_not_asked_about_health(operator):
    """With http_proxy set, the health check still goes straight to the server."""
    operator.env["http_proxy"] = "http://127.0.0.1:9"
    assert operator.types("serve", "127.0.0.1:0", "--detach").returncode == 0
    assert operator.status()["healthy"]


@pytest.fixture
def workers(operator):
    if not pathlib.Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
        pytest.skip("the kernel does not list children in /proc")
    told = operator.types("serve", "127.0.0.1:0", "--workers", "2", "--detach")
    assert told.returncode == 0, told.stderr
    pid = operator.status()["pid"]
    assert eventually(lambda: len(children(pid)) == 2)
    return pid


def test_a_worker_that_dies_is_replaced(operator, workers):
    """A killed worker gets a successor; the supervisor stays."""
    victim = children(workers)[0]
    os.kill(victim, signal.SIGKILL)
    assert eventually(lambda: len(children(workers)) == 2 and victim not in children(workers))
    assert operator.status()["healthy"]


def listening_inode(address):
    """The kernel's name of the socket that listens there."""
    port = f":{int(address.rpartition(':')[2]):04X}"
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return next(f"socket:[{row[9]}]" for row in rows if row[1].endswith(port) and row[3] == "0A")


def holds(pid, inode):
    found = []
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(os.readlink(link))
    return inode in found


def test_nobody_is_left_in_the_queue_while_workers_drain(operator, workers):
    """The supervisor gives up the socket before it waits, so a late client is refused rather than kept waiting."""
    inode = listening_inode(operator.status()["address"])
    assert holds(workers, inode)
    slow = children(workers)[0]
    os.kill(slow, signal.SIGSTOP)  # a worker that takes its time
    try:
        os.kill(workers, signal.SIGTERM)
        assert eventually(lambda: not holds(workers, inode))
        assert is_there(workers)
    finally:
        os.kill(slow, signal.SIGCONT)
    assert eventually(lambda: not is_there(workers))


def test_workers_do_not_outlive_their_supervisor(operator, workers):
    """A supervisor that was killed leaves nobody on the port behind."""
    orphans, address = children(workers), operator.status()["address"]
    os.kill(workers, signal.SIGKILL)
    assert eventually(lambda: not any(is_there(pid) for pid in orphans))
    assert not accepts(address)
    assert operator.types("status").returncode == 3


def test_what_is_loaded_is_kept_out_of_the_collectors_rounds():
    """Before it serves, the process hands its loaded modules to no later round of the garbage collector."""
    before = gc.get_threshold()
    try:
        serve.settle_memory()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold()[0] == serve.GC_ALLOCATIONS
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
