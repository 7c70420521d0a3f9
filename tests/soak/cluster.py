"""The servers of a soak run and their database: started, frozen, killed and ended, each by its own PID."""

import contextlib
import glob
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request

import psycopg

from tests.soak.history import Row

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FIELD_KEY = "dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdCE="
START_S = 120.0
SET_UP = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "ccmsite.settings"
import django
from django.core.management import call_command
django.setup()
call_command("migrate", verbosity=0)
call_command("importconfig", sys.argv[1])
"""


def free_port():
    """A port below those that the system hands out: it must still be free when a server comes back to it."""
    for port in random.SystemRandom().sample(range(15_000, 30_000), 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise RuntimeError("no port is free")


def environment(home, database_url, redis_url=""):
    """What every process of one installation has in its environment."""
    ours = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return ours | {
        "CCM_ENV_FILE": os.devnull, "SECRET_KEY": "only-for-tests", "CCM_FIELD_KEYS": FIELD_KEY,
        "DATABASE_URL": database_url, "CCM_RUN_DIR": str(home / "run"), "CCM_REQUIRE_CLIENT_KEY": "auto",
        "PYTHONPATH": str(ROOT), "REDIS_URL": redis_url,
    }  # fmt: skip


class Member:
    """One server process with a port and a run directory of its own; it may have several lives."""

    def __init__(self, name, home, env, drain_s):
        self.name, self.port, self.home = name, free_port(), home
        self.run_dir = home / f"run-{name}"
        self._drain_s = drain_s
        self._env = env | {"CCM_RUN_DIR": str(self.run_dir)}
        self.process = None

    def start(self):
        """Start the process; `wait` for its first answer."""
        command = [sys.executable, str(ROOT / "manage.py"), "serve", f"127.0.0.1:{self.port}", "--drain"]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, str(self._drain_s)], env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def log_path(self):
        return self.home / f"{self.name}.log"

    def wait(self):
        """Until it answers. Raises AssertionError when it does not."""
        end = time.monotonic() + START_S
        while not self.get("/healthz"):
            assert self.process.poll() is None, f"{self.name} has ended: {self.log_path.read_text()[-2000:]}"
            assert time.monotonic() < end, f"{self.name} does not answer: {self.log_path.read_text()[-2000:]}"
            time.sleep(0.05)

    def get(self, path, timeout=3.0):
        """Whether a path answers 200."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """SIGTERM and its exit code; killed, and -9, when it does not go."""
        self.process.terminate()
        try:
            return self.process.wait(self._drain_s + 30)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9

    def freeze(self, seconds):
        self.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            self.process.send_signal(signal.SIGCONT)

    def figures(self):
        """Threads, open files and resident memory in MB."""
        place = pathlib.Path(f"/proc/{self.process.pid}")
        status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
        return int(status["Threads"]), len(list((place / "fd").iterdir())), int(status["VmRSS"].split()[0]) / 1024


class Sqlite:
    """A file that somebody else can lock."""

    name = "sqlite"

    def __init__(self, home):
        self.path = home / "db.sqlite3"
        self.url = f"sqlite:///{self.path}"

    def away(self, seconds):
        """Hold the write lock for so long."""
        with contextlib.closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
            connection.execute("ROLLBACK")

    def select(self, statement):
        with contextlib.closing(sqlite3.connect(self.path, timeout=30)) as connection:
            return connection.execute(statement).fetchall()

    def close(self):
        pass


class Postgres:
    """A server of our own, on a port of its own, which may be stopped."""

    name = "postgres"

    def __init__(self, home):
        self._bin = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
        self._data, self.port = home / "pg", free_port()
        self._data.mkdir(mode=0o700)
        # It refuses to run as root.
        self._as = {"user": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
        if self._as:
            home.chmod(0o711)
            shutil.chown(self._data, "postgres")
        self.url = f"postgres://ccm@127.0.0.1:{self.port}/postgres"
        self._run("initdb", "-U", "ccm", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    @staticmethod
    def is_there():
        """Whether PostgreSQL's server is installed."""
        return bool(glob.glob("/usr/lib/postgresql/*/bin/postgres"))

    def _run(self, program, *words):
        command = [str(self._bin / program), "-D", str(self._data), *words]
        done = subprocess.run(command, cwd=self._data, capture_output=True, text=True, **self._as)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off -k {self._data}"
        self._run("pg_ctl", "-w", "-l", str(self._data / "server.log"), "-o", options, "start")

    def away(self, seconds):
        """Stop the server for so long."""
        self._run("pg_ctl", "-w", "-m", "fast", "stop")
        time.sleep(seconds)
        self.start()

    def select(self, statement):
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement).fetchall()

    def close(self):
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")


class Redis:
    """A server of our own that is killed and frozen in turn."""

    def __init__(self, home):
        self._home, self.port, self._outages = home, free_port(), 0
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    @staticmethod
    def is_there():
        """Whether it is installed."""
        return shutil.which("redis-server") is not None

    def start(self):
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", self._home]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def away(self, seconds):
        """Gone for so long, or there and silent."""
        self._outages += 1
        if self._outages % 2:
            self.close()
            time.sleep(seconds)
            self.start()
        else:
            self._process.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            self._process.send_signal(signal.SIGCONT)

    def close(self):
        self._process.kill()
        self._process.wait()


DATABASES = {"sqlite": Sqlite, "postgres": Postgres}


def rows_of(database):
    """The request log as rows of a history.

    The rows first: whichever is found has its attempts by then, as both are written in one transaction.
    """
    found = database.select("SELECT id, agent_id, outcome, status, provider FROM proxy_requestlog ORDER BY id")
    attempts = {}
    for owner, provider, outcome in database.select(
        "SELECT request_id, provider, outcome FROM proxy_attemptlog ORDER BY request_id, number"
    ):
        attempts.setdefault(owner, []).append((provider, outcome))
    return tuple(Row(*row, tuple(attempts.get(pk, ()))) for pk, *row in found)


@contextlib.contextmanager
def cluster(home, database, config, names, drain_s, redis_url=""):
    """An installation with a configuration, and its running servers."""
    env = environment(home, database.url, redis_url)
    (home / "soak.toml").write_text(config)
    done = subprocess.run(
        [sys.executable, "-c", SET_UP, str(home / "soak.toml")], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    members = [Member(name, home, env, drain_s) for name in names]
    try:
        for member in members:
            member.start()
        for member in members:
            member.wait()
        yield members
    finally:
        enders = [threading.Thread(target=member.end) for member in members if member.process]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()
