"""Log records on disk, while the database takes none: a file of JSON lines for each process.

A process keeps its file locked for as long as it lives. The system drops the lock when the
process ends, however it ends, and then one other process adopts the file.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from providers.wire.messages import Usage
from proxy.record import AttemptRecord, RequestRecord, bare, cleaned

PATTERN = "log-*.spill"
BATCH = 500
BATCH_BYTES = 16 * 1024 * 1024


class Spill:
    """One file of records, first in, first out. Two threads may use it at the same time."""

    def __init__(self, path: Path, file: int, cap: int) -> None:
        self.path = path
        self._file = file
        self._cap = cap
        self._lock = threading.Lock()
        self._size = os.fstat(file).st_size
        self._read_to = self._next = 0
        self._lines = self._bad = 0
        self.rows = 0
        """How many rows of it are not in the database yet."""
        self.damaged = 0
        """Lines that could not be read: the half line that a crash leaves at the end."""
        self.rows_dropped = 0
        self.bodies_dropped = 0

    @classmethod
    def create(cls, path: Path, cap: int) -> Spill:
        """A new, empty file of at most `cap` bytes, for its owner's eyes only. Raises OSError."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_nlink:
                return cls(path, file, cap)
            os.close(file)  # somebody who looked for files of the dead was faster and took it away

    @classmethod
    def adopt(cls, path: Path) -> Spill | None:
        """The file of a process that is dead; None when it lives or somebody else was first. Raises OSError."""
        file = os.open(path, os.O_RDWR | os.O_APPEND)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = os.fstat(file).st_ino == path.stat().st_ino  # else the last owner was done with it and it is gone
        except (BlockingIOError, FileNotFoundError):
            ours = False
        if not ours:
            os.close(file)
            return None
        found = cls(path, file, 0)
        with os.fdopen(os.dup(file), "rb") as lines:
            found.rows = sum(1 for _ in lines)
        return found

    def append(self, records: Iterable[RequestRecord]) -> None:
        """Add records at the end: beyond half the cap without their bodies, beyond the cap not at all, both counted.

        Raises OSError, and then none of them is in the file.
        """
        with self._lock:
            lines, size = [], self._size
            rows_dropped = bodies_dropped = 0
            for record in records:
                line = encoded(record)
                if record.body is not None and size + len(line) > self._cap // 2:
                    line, bodies_dropped = encoded(record, body=False), bodies_dropped + 1
                if size + len(line) > self._cap:
                    rows_dropped += 1
                    continue
                lines.append(line)
                size += len(line)
            self._add(b"".join(lines))
            self.rows += len(lines)
            self.rows_dropped += rows_dropped
            self.bodies_dropped += bodies_dropped

    def _add(self, data: bytes) -> None:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)

    @property
    def left(self) -> bool:
        """True while there is something that `next` has not been told is done."""
        return self._read_to < self._size

    def next(self) -> list[RequestRecord]:
        """The oldest records that are left, a batch at most; `done` says that they are safe. Raises OSError."""
        with self._lock, os.fdopen(os.dup(self._file), "rb") as lines:
            lines.seek(self._read_to)
            records: list[RequestRecord] = []
            self._next, self._bad = self._read_to, 0
            while len(records) < BATCH and self._next - self._read_to < BATCH_BYTES and (line := lines.readline()):
                self._next += len(line)
                record = decoded(line)
                if record is None:
                    self._bad += 1
                else:
                    records.append(record)
            self._lines = len(records) + self._bad
            return records

    def done(self) -> None:
        """What `next` gave is in the database; a file without any more is emptied. Raises OSError."""
        with self._lock:
            self._read_to = self._next
            self.damaged += self._bad
            self.rows -= self._lines
            if self._read_to >= self._size:
                os.ftruncate(self._file, 0)
                self._size = self._read_to = 0

    def close(self) -> None:
        """Let go of the file; one that is empty is taken away. Raises OSError."""
        with self._lock:
            if self._size == 0:
                self.path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1  # a thread that was given up may still come and use it


def left_behind(folder: Path, ours: Sequence[Path]) -> list[Path]:
    """Files of other processes, dead or alive, the oldest first. Raises OSError."""
    found = [(path.stat().st_mtime, path) for path in folder.glob(PATTERN) if path not in ours]
    return [path for _, path in sorted(found)]


def encoded(record: RequestRecord, *, body: bool = True) -> bytes:
    """A record as one line of ASCII JSON; of one that cannot be written so, what can."""
    try:
        found = asdict(cleaned(record))
        kept = found["body"] if body else None
        found["body"] = None if kept is None else base64.b64encode(kept).decode("ascii")
        found["time"] = record.time.isoformat()
        for row in (found, *found["attempts"]):
            row["cost_usd"] = None if row["cost_usd"] is None else str(row["cost_usd"])
        return json.dumps(found).encode("ascii") + b"\n"
    except (TypeError, ValueError, AttributeError) as error:
        return encoded(bare(record, type(error).__name__))


def decoded(line: bytes) -> RequestRecord | None:
    """The record of a line; None for one that is damaged. Fields of other versions are left out."""
    if not line.endswith(b"\n"):
        return None
    try:
        found = json.loads(line)
        found["time"] = datetime.fromisoformat(found["time"])
        found["usage"] = Usage(**_known(Usage, found["usage"]))
        for row in (found, *found["attempts"]):
            row["cost_usd"] = None if row.get("cost_usd") is None else Decimal(row["cost_usd"])
        found["attempts"] = [AttemptRecord(**_known(AttemptRecord, attempt)) for attempt in found["attempts"]]
        if found.get("body") is not None:
            found["body"] = base64.b64decode(found["body"])
        return RequestRecord(**_known(RequestRecord, found))
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
        return None


def _known(kind: type[Any], found: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in found.items() if name in names}
