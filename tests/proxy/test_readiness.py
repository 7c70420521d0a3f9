"""What /readyz asks: an empty list when a request can be served, else each thing that is missing."""

from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder

from proxy import logbook, readiness, snapshot

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_snapshot(monkeypatch):
    """No snapshot yet, and no thread that would outlive the test."""
    monkeypatch.setattr(snapshot, "_current", None)
    monkeypatch.setattr(snapshot, "_watcher", SimpleNamespace())


def test_everything_is_there():
    """A migrated database and a living log writer leave nothing to say, and the snapshot is loaded."""
    assert readiness.reasons() == []
    assert snapshot.loaded() is not None


def test_a_missing_migration_is_a_reason():
    """The command that mends it is named, and nothing is read from tables that may not fit."""
    MigrationRecorder.Migration.objects.filter(app="proxy").delete()
    assert readiness.reasons() == ["migrations are missing: run manage.py migrate"]
    assert snapshot.loaded() is None


def test_a_database_that_is_away_is_a_reason(monkeypatch):
    """The error's class is told and never its words, which may hold an address or a password."""

    def away():
        raise OperationalError("connection to 10.0.0.1 failed: password sk-canary")

    monkeypatch.setattr(snapshot, "load", away)
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
