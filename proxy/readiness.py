"""Can this process serve a request? Asked by /readyz; blocks on the database, so it runs in a thread."""

from __future__ import annotations

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from proxy import snapshot
from proxy.logbook import LOGBOOK


def reasons() -> list[str]:
    """Why not; empty when everything is there."""
    found: list[str] = []
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            found.append("migrations are missing: run manage.py migrate")
        else:
            snapshot.start()
    except Error as error:
        found.append(f"the database does not answer: {type(error).__name__}")
    finally:
        if not connection.in_atomic_block:
            connection.close()
    if not LOGBOOK.alive:
        found.append("the log writer has stopped")
    if LOGBOOK.trouble:
        found.append(f"the request log cannot be written: {LOGBOOK.waiting} rows wait")
    return found
