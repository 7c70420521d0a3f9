"""A PostgreSQL of a test's own, to be stopped and filled up: `with own_postgres() as server`."""

import contextlib
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import tempfile

import psycopg
import pytest

SLOTS = 20
"""Connections in all, three of them kept for superusers."""


class OwnPostgres:
    """One server in a directory of its own. `url` is for an ordinary user, `owner_url` for the superuser."""

    def __init__(self, programs, place):
        self._programs, self._place = programs, place
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"postgres://app@127.0.0.1:{self.port}/ccm"
        self.owner_url = f"postgres://owner@127.0.0.1:{self.port}/ccm"

    def make(self):
        self._run("initdb", "-D", str(self._place / "data"), "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()
        with psycopg.connect(self.owner_url.replace("/ccm", "/postgres"), autocommit=True) as owner:
            owner.execute("CREATE ROLE app LOGIN")
            owner.execute("CREATE DATABASE ccm OWNER app")

    def start(self):
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._place} -c max_connections={SLOTS} -c fsync=off"
        )
        self._control("-w", "-l", str(self._place / "log"), "-o", options, "start")

    def stop(self):
        self._control("-w", "-m", "immediate", "stop")

    def fetch(self, statement):
        with psycopg.connect(self.owner_url, autocommit=True) as owner:
            cursor = owner.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def _control(self, *words):
        self._run("pg_ctl", "-D", str(self._place / "data"), *words)

    def _run(self, program, *words):
        command = [str(self._programs / program), *words]
        if os.geteuid() == 0:  # it refuses to run as root
            command = ["su", "postgres", "-s", "/bin/bash", "-c", shlex.join(command)]
        told = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60, cwd="/"
        )
        assert told.returncode == 0, told.stderr


@contextlib.contextmanager
def own_postgres():
    """A running server, gone with its files afterwards; skips where PostgreSQL is not installed."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("needs PostgreSQL's programs: apt-get install postgresql (or: make services)")
    place = pathlib.Path(tempfile.mkdtemp(prefix="ccm-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(place, "postgres")
    server = OwnPostgres(found[-1].parent, place)
    try:
        server.make()
        yield server
    finally:
        with contextlib.suppress(AssertionError):
            server.stop()
        shutil.rmtree(place)
