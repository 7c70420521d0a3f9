"""The database file is its owner's only, from its first moment, whichever command makes it."""

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ccmsite.sqlite import PrivateConnection

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def permissive():
    """A umask that lets everybody read, as most systems have it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_the_file_and_its_companions_are_private(tmp_path):
    """The write-ahead log and the shared memory hold the same rows, and have the same mode."""
    connection = sqlite3.connect(str(tmp_path / "db"), factory=PrivateConnection)
    connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    assert modes(tmp_path) == {"db": 0o600, "db-wal": 0o600, "db-shm": 0o600}
    connection.close()


def test_the_mode_of_a_file_that_is_there_stays(tmp_path):
    """Whoever shares it with a group means it."""
    (tmp_path / "db").touch(0o660)
    (tmp_path / "db").chmod(0o660)
    connection = sqlite3.connect(str(tmp_path / "db"), factory=PrivateConnection)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    assert modes(tmp_path) == {"db": 0o660}


def test_a_path_that_cannot_be_used_is_for_sqlite_to_say(tmp_path):
    """A missing folder is the error it always was."""
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        sqlite3.connect(str(tmp_path / "none" / "db"), factory=PrivateConnection)


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory"])
def test_a_database_in_memory_leaves_no_file(tmp_path, monkeypatch, name):
    """Nothing is made where there is no file to be."""
    monkeypatch.chdir(tmp_path)
    sqlite3.connect(name, factory=PrivateConnection, uri=True).close()
    assert modes(tmp_path) == {}


@pytest.mark.parametrize("command", ["migrate", "quickstart"])
def test_the_commands_make_a_private_database(tmp_path, command):
    """The settings have it so: no command needs to think of it."""
    env = dict(os.environ) | {
        "CCM_ENV_FILE": str(tmp_path / ".env"), "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "DJANGO_SETTINGS_MODULE": "ccmsite.settings",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "manage.py", command], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert modes(tmp_path)["db.sqlite3"] == 0o600
    assert set(modes(tmp_path).values()) == {0o600}
