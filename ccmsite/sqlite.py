"""SQLite files that only their owner can read."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import Any


class PrivateConnection(sqlite3.Connection):
    """A connection that makes a missing database file with mode 0600; what SQLite puts beside it gets the same mode."""

    def __init__(self, database: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        if not os.fspath(database).startswith((":memory:", "file:")):
            # O_EXCL: a file that is there is not even opened, for closing it would drop this process's locks on it.
            # Whatever else is wrong with the path, SQLite says it better.
            with contextlib.suppress(OSError):
                os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        super().__init__(database, *args, **kwargs)
