"""Which server is running, where: a small JSON file that `stop`, `restart` and `status` read.

The server keeps the file locked for as long as its process lives. The system drops the lock
when the process ends, however it ends, so a number that now belongs to another process, or to
a dead one that nobody has waited for, is never taken for a running server.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from django.conf import settings

POLL_S = 0.05
LOCK_WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server that said it runs: its process, its address, its workers, how long it drains."""

    pid: int
    address: str
    workers: int
    drain_s: float = 30.0


class AlreadyRunning(Exception):
    """Another server holds the file."""


_held: list[IO[str]] = []
"""The files that this process keeps locked until it ends."""


def path() -> Path:
    """Where the file is: `CCM_RUN_DIR/ccm.pid`."""
    return Path(settings.CCM_RUN_DIR) / "ccm.pid"


def write(running: Running) -> None:
    """Say that this server runs; the file is for its owner's eyes only. Raises AlreadyRunning and OSError."""
    path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.fdopen(os.open(path(), os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")
    os.fchmod(file.fileno(), 0o600)
    if not _wait_for_lock(file, fcntl.LOCK_EX, LOCK_WAIT_S):  # a reader holds it for an instant only
        file.close()
        raise AlreadyRunning
    file.truncate()
    json.dump(asdict(running), file)
    file.flush()
    _held.append(file)


def read() -> Running | None:
    """The server that runs, or None: no file, an unreadable one, or one left behind by a dead process."""
    try:
        with path().open(encoding="utf-8") as file:
            abandoned = _take(file, fcntl.LOCK_SH)
            return None if abandoned else Running(**json.load(file))
    except (OSError, ValueError, TypeError):
        return None


def wait_until_gone(file: IO[str], seconds: float) -> bool:
    """Wait until the process that holds this file has ended; False when it has not by then."""
    return _wait_for_lock(file, fcntl.LOCK_SH, seconds)


def remove() -> None:
    """Take this process's own file away; the lock stays until the process has ended."""
    if _held:
        path().unlink(missing_ok=True)


def _wait_for_lock(file: IO[str], kind: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not _take(file, kind):
        if time.monotonic() > end:
            return False
        time.sleep(POLL_S)
    return True


def _take(file: IO[str], kind: int) -> bool:
    """Take the lock unless another process holds it; True when taken."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
