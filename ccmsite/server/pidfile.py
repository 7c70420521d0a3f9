"""Which server is running, where: a small JSON file that `stop`, `restart` and `status` read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Running:
    """A server that said it runs: its process, its address, how many workers it has."""

    pid: int
    address: str
    workers: int

    @property
    def alive(self) -> bool:
        """True while the process exists."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def path() -> Path:
    """Where the file is: `CCM_RUN_DIR/ccm.pid`."""
    return Path(settings.CCM_RUN_DIR) / "ccm.pid"


def write(running: Running) -> None:
    """Say that this server runs; the file is for its owner's eyes only."""
    path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path().touch(mode=0o600)
    path().write_text(json.dumps(asdict(running)), encoding="utf-8")


def read() -> Running | None:
    """The server that runs, or None: no file, an unreadable one, or one left behind by a dead process."""
    try:
        found = Running(**json.loads(path().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.alive else None


def remove(pid: int) -> None:
    """Take the file away, if it is about that process."""
    try:
        if json.loads(path().read_text(encoding="utf-8")).get("pid") == pid:
            path().unlink()
    except (OSError, ValueError):
        return
