"""The logbook and a SQLite file that is locked, read-only, full or gone: nothing is lost, and nobody mends anything."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connections

from providers.wire.messages import Usage
from proxy import logbook
from proxy.record import AttemptRecord, RequestRecord

ROOT = Path(__file__).parent.parent.parent
ROWS = 1000


def record(number=1, **fields):
    fields = {"outcome": "ok", "status": 200, "usage": Usage(1, 2, 3, 4), **fields}
    attempts = [AttemptRecord(1, "main", "glm", "overloaded"), AttemptRecord(2, "spare", "glm", "ok")]
    return RequestRecord(f"req_{number}", "anthropic_messages", "messages", attempts=attempts, **fields)


def eventually(check, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.02)
    return False


class Place:
    """A database file, the run directory beside it, and the log that is written there."""

    def __init__(self, folder, monkeypatch):
        self.file = folder / "db.sqlite3"
        self.run_dir = folder / "run"
        self._set = monkeypatch.setitem
        self.connect_by()
        self.books = []

    def connect_by(self, name="", pragmas=""):
        """How connections are made from now on; waits for locks are short, so that the tests are."""
        options = {"init_command": f"PRAGMA busy_timeout=100;{pragmas}", "transaction_mode": "IMMEDIATE"}
        fields = {"ENGINE": "django.db.backends.sqlite3", "NAME": name or str(self.file), "OPTIONS": options}
        for field, value in fields.items():
            self._set(connections.settings["default"], field, value)  # in place: it is what connections look at

    def book(self):
        self.books.append(logbook.Logbook())
        return self.books[-1]

    def rows(self, what="request_id", table="proxy_requestlog"):
        with sqlite3.connect(self.file) as database:
            found = database.execute(f"SELECT {what} FROM {table} ORDER BY id").fetchall()
        database.close()
        return [value for (value,) in found]

    def spill_files(self):
        return list(self.run_dir.glob("log-*.spill"))


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    file = tmp_path_factory.mktemp("migrated") / "db.sqlite3"
    told = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "-v0"], capture_output=True, text=True, timeout=60,
        env={**os.environ, "DATABASE_URL": f"sqlite:///{file}"},
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    return file


@pytest.fixture
def place(tmp_path, migrated, monkeypatch, settings, django_db_blocker):
    shutil.copy(migrated, tmp_path / "db.sqlite3")
    settings.CCM_RUN_DIR = tmp_path / "run"
    monkeypatch.setattr(logbook, "SPILL_ABOVE", 300)
    monkeypatch.setattr(logbook, "RETRY_S", 0.1)
    found = Place(tmp_path, monkeypatch)
    with django_db_blocker.unblock():
        yield found
        for book in found.books:
            book.close()


@pytest.fixture
def locked(place):
    """A call that lets go of the lock that another program holds on the whole database."""
    other = sqlite3.connect(place.file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    yield lambda: other.execute("ROLLBACK")
    other.close()


def meets_trouble(book, first=0):
    """Hand over rows until some of them are in the file, then some more."""
    for number in range(first, first + ROWS):
        book.put_nowait(record(number))
    assert eventually(lambda: book.spilled > 0)
    assert book.trouble
    for number in range(first + ROWS, first + ROWS + 100):
        book.put_nowait(record(number))
    assert book.dropped == 0


def comes_back(place, book, first=0):
    """Everything is in the database, once, in order; nothing is left in the file."""
    assert eventually(lambda: not book.trouble and not book.spilled and not book.waiting), book.trouble
    assert place.rows() == [f"req_{number}" for number in range(first, first + ROWS + 100)]
    assert len(place.rows("number", "proxy_attemptlog")) == 2 * (ROWS + 100)
    assert (book.dropped, book.damaged, book.bodies_dropped) == (0, 0, 0)
    assert [file.stat().st_size for file in place.spill_files()] == [0]


def test_a_locked_database_costs_no_row(place, locked):
    """Somebody else holds BEGIN EXCLUSIVE: rows go to memory and file, and come in order when it is over."""
    book = place.book()
    meets_trouble(book)
    assert "locked" in book.trouble
    locked()
    comes_back(place, book)


def test_a_read_only_database_costs_no_row(place):
    """The file may only be read: rows wait for the day when it can be written."""
    place.connect_by(f"file:{place.file}?mode=ro")
    book = place.book()
    meets_trouble(book)
    assert "readonly" in book.trouble
    place.connect_by()
    comes_back(place, book)


def test_a_full_disk_costs_no_row(place):
    """The database can grow no more; when it can again, the log goes on by itself."""
    with sqlite3.connect(place.file) as database:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.close()
    place.connect_by(pragmas=f"PRAGMA max_page_count={pages + 3}")
    book = place.book()
    meets_trouble(book)
    assert "full" in book.trouble
    place.connect_by()
    comes_back(place, book)


def test_a_deleted_database_costs_no_row_from_then_on(place, tmp_path):
    """Rows do not vanish into a file that has no name any more; once it is put back they are in it."""
    book = place.book()
    book.put_nowait(record(9999))
    assert eventually(lambda: place.rows() == ["req_9999"])
    with sqlite3.connect(place.file) as database:
        database.execute("VACUUM INTO ?", [str(tmp_path / "backup")])
    database.close()
    for file in tmp_path.glob("db.sqlite3*"):
        file.unlink()
    meets_trouble(book)
    assert "no such table" in book.trouble
    for file in tmp_path.glob("db.sqlite3*"):
        file.unlink()
    (tmp_path / "backup").rename(place.file)
    assert eventually(lambda: not book.trouble and not book.spilled and not book.waiting)
    assert place.rows() == ["req_9999", *(f"req_{number}" for number in range(ROWS + 100))]


def test_what_is_left_at_the_end_waits_on_disk_for_the_next_process(place, locked, monkeypatch):
    """The last try fails: all rows are in a file, which the next log brings in without being asked for a row."""
    monkeypatch.setattr(logbook, "CLOSE_WAIT_S", 0.5)
    first = place.book()
    for number in range(50):
        first.put_nowait(record(number, body=b"zlib"))
    first.close()
    (file,) = place.spill_files()
    assert file.stat().st_size > 0
    assert file.stat().st_mode & 0o777 == 0o600
    locked()
    second = place.book()
    second.start()
    assert eventually(lambda: len(place.rows()) == 50)
    assert place.rows() == [f"req_{number}" for number in range(50)]
    assert set(place.rows("body")) == {b"zlib"}
    assert eventually(lambda: not place.spill_files())


def test_a_writer_that_is_stuck_at_the_end_loses_nothing_and_writes_nothing_twice(place, locked, monkeypatch):
    """It waits for a lock longer than the end of the process does; what it had in hand is in the file too."""
    monkeypatch.setattr(logbook, "CLOSE_WAIT_S", 0.2)
    place.connect_by(pragmas="PRAGMA busy_timeout=20000")
    book = place.book()
    for number in range(50):
        book.put_nowait(record(number))
    writer = book._thread
    book.close()
    assert writer.is_alive()
    assert len(place.spill_files()[0].read_bytes().splitlines()) == 50
    locked()
    writer.join(10)
    second = place.book()
    second.start()
    assert eventually(lambda: not place.spill_files())
    assert sorted(place.rows()) == sorted(f"req_{number}" for number in range(50))
    assert len(place.rows("number", "proxy_attemptlog")) == 100


def test_a_disk_without_room_for_the_file_keeps_rows_in_memory(place, locked, settings, tmp_path):
    """Neither database nor file: the rows wait on, and they are counted only when the process ends so."""
    (tmp_path / "no-folder").write_text("a file where the folder should be")
    settings.CCM_RUN_DIR = tmp_path / "no-folder"
    book = place.book()
    for number in range(400):
        book.put_nowait(record(number))
    assert eventually(lambda: book.trouble)
    assert (book.waiting, book.dropped) == (400, 0)
    locked()
    assert eventually(lambda: len(place.rows()) == 400)


def test_a_file_that_cannot_be_read_back_does_not_stop_the_log(place, monkeypatch):
    """The rows in memory are written; the file stays for somebody to look at."""
    place.run_dir.mkdir()
    (place.run_dir / "log-1.spill").write_bytes(b"half a line")

    def fail(self):
        raise OSError("Input/output error")

    monkeypatch.setattr(logbook.Spill, "next", fail)
    book = place.book()
    book.put_nowait(record(1))
    assert eventually(lambda: place.rows() == ["req_1"])
    assert [file.name for file in place.spill_files()] == ["log-1.spill"]
