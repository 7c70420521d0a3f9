"""What /readyz asks: an empty list when a request can be served, else each thing that is missing."""

from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder

from proxy import logbook, readiness, snapshot
from proxy.config import ConfigSnapshot

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def in_force(monkeypatch):
    """A snapshot in force, and no thread that would outlive the test."""
    monkeypatch.setattr(snapshot, "_current", ConfigSnapshot())
    monkeypatch.setattr(snapshot, "_watcher", SimpleNamespace())


def test_everything_is_there():
    """A migrated database, a snapshot and a living log writer leave nothing to say."""
    assert readiness.reasons() == []


def test_a_snapshot_that_never_came_is_a_reason(monkeypatch):
    """Why it could not be read is told, in our own words; before the first look is over it is only awaited."""
    monkeypatch.setattr(snapshot, "_current", None)
    assert "still being read" in readiness.reasons()[0]
    monkeypatch.setattr(snapshot, "_trouble", "the database does not answer")
    assert readiness.reasons() == ["the database does not answer"]


def test_a_missing_migration_is_a_reason():
    """The command that mends it is named."""
    MigrationRecorder.Migration.objects.filter(app="proxy").delete()
    assert readiness.reasons() == ["migrations are missing: run manage.py migrate"]


def test_a_database_that_is_away_is_a_reason(monkeypatch):
    """The error's class is told and never its words, which may hold an address or a password."""

    def away(connection):
        raise OperationalError("connection to 10.0.0.1 failed: password sk-canary")

    monkeypatch.setattr(readiness, "MigrationExecutor", away)
    assert readiness.reasons() == ["the database does not answer: OperationalError"]


def test_a_dead_log_writer_is_a_reason(monkeypatch):
    """A process that would forget its requests is not ready."""
    monkeypatch.setattr(logbook.LOGBOOK, "_thread", SimpleNamespace(is_alive=lambda: False))
    assert readiness.reasons() == ["the log writer has stopped"]


def test_rows_that_cannot_be_written_are_a_reason(monkeypatch):
    """How many wait is told; the database's words are for the log."""
    monkeypatch.setattr(logbook.LOGBOOK, "trouble", "OperationalError: sk-canary")
    monkeypatch.setattr(logbook.LOGBOOK, "_waiting", [1, 2])
    assert readiness.reasons() == ["the request log cannot be written: 2 rows wait"]


def test_several_reasons_are_all_told(monkeypatch):
    """One thing that is missing does not hide another."""
    monkeypatch.setattr(logbook.LOGBOOK, "_thread", SimpleNamespace(is_alive=lambda: False))
    monkeypatch.setattr(logbook.LOGBOOK, "trouble", "x")
    MigrationRecorder.Migration.objects.filter(app="proxy").delete()
    assert len(readiness.reasons()) == 3
