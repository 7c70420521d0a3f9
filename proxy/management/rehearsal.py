"""Trying a first run without leaving a trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import ConnectionHandler

from proxy.management.first_run import FirstRun, ensure_rows


def rehearse(environ: Mapping[str, str]) -> tuple[int, FirstRun | None]:
    """How many migrations are to be applied, and what `ensure_rows` would make.

    None when only the migrations can tell. The database is left as it is: a SQLite file that is missing stays so.
    """
    if _is_missing():
        return _from_nothing(environ)
    executor = MigrationExecutor(connection)
    if not executor.loader.applied_migrations:
        return _from_nothing(environ)
    if plan := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return len(plan), None
    with transaction.atomic():
        made = ensure_rows(environ)
        transaction.set_rollback(True)
    return 0, made


def _is_missing() -> bool:
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or connection.creation.is_in_memory_db(name):  # type: ignore[attr-defined]
        return False
    return not Path(name).exists()


def _from_nothing(environ: Mapping[str, str]) -> tuple[int, FirstRun]:
    with _in_memory():
        executor = MigrationExecutor(connection)
        count = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        call_command("migrate", verbosity=0, interactive=False)
        return count, ensure_rows(environ)


@contextmanager
def _in_memory() -> Iterator[None]:
    """Have an empty database in memory in place of the real one."""
    stand_in = ConnectionHandler({DEFAULT_DB_ALIAS: {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
    real = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = stand_in[DEFAULT_DB_ALIAS]
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = real
        # Django's own close() keeps a database in memory open.
        stand_in[DEFAULT_DB_ALIAS].connection.close()
