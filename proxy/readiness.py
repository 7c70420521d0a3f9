"""Can this process serve a request? Asked by /readyz; blocks on the database, so it runs in a thread."""

from __future__ import annotations

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from proxy import snapshot
from proxy.logbook import LOGBOOK


def reasons() -> list[str]:
    """Why not; empty when everything is there."""
    found = [snapshot.trouble()] if snapshot.loaded() is None and snapshot.trouble() else _database()
    if not LOGBOOK.alive:
        found.append("the log writer has stopped")
    if LOGBOOK.trouble:
        found.append(f"the request log cannot be written: {LOGBOOK.counts()}")
    return found


def _database() -> list[str]:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return ["migrations are missing: run manage.py migrate"]
        return [] if snapshot.start() is not None else [snapshot.unavailable().message]
    except Error as error:
        return [f"the database does not answer: {type(error).__name__}"]
    finally:
        if not connection.in_atomic_block:
            connection.close()
