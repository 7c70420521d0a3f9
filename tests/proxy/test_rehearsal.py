"""A rehearsed first run: it tells what the real one would make, and the database never notices."""

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder

from providers.models import Credential, Provider
from proxy.management import rehearsal
from proxy.management.first_run import ensure_rows
from proxy.management.rehearsal import rehearse
from proxy.models import ClientKey, ConfigRevision, LogicalModel

pytestmark = pytest.mark.django_db
ENVIRON = {"OPENAI_API_KEY": "sk-openai-0123456789", "GROQ_API_KEY": "two words"}


def told(made):
    return made.admin, made.providers, made.refused, made.model, bool(made.password), bool(made.client_key)


def test_it_tells_what_the_run_then_makes():
    """The same steps, the same names; afterwards there is nothing left to make."""
    migrations, rehearsed = rehearse(ENVIRON)
    assert migrations == 0
    assert told(rehearsed) == ("admin", ["openai"], ["GROQ_API_KEY"], "default", True, True)
    assert told(ensure_rows(ENVIRON)) == told(rehearsed)
    assert told(rehearse(ENVIRON)[1]) == ("", [], ["GROQ_API_KEY"], "", False, False)


def test_it_leaves_no_row_behind():
    """Neither a user nor a key nor a step of the revision that running proxies look at."""
    before = ConfigRevision.current()
    rehearse(ENVIRON)
    for model in (get_user_model(), ClientKey, Provider, Credential, LogicalModel, Provider.history.model):
        assert not model.objects.exists()
    assert ConfigRevision.current() == before


def test_a_database_that_is_missing_is_tried_in_memory(monkeypatch):
    """The real connection is back afterwards, and what was tried is nowhere in it."""
    real = connections["default"]
    monkeypatch.setattr(rehearsal, "_is_missing", lambda: True)
    migrations, made = rehearse(ENVIRON)
    assert migrations > 1
    assert told(made) == ("admin", ["openai"], ["GROQ_API_KEY"], "default", True, True)
    assert connections["default"] is real
    assert not Provider.objects.exists()


def test_only_a_sqlite_file_can_be_missing(monkeypatch, tmp_path):
    """The file is looked for, not opened; a database in memory or on a server is there."""
    assert rehearsal._is_missing() is False
    if connection.vendor == "sqlite":
        monkeypatch.setitem(connection.settings_dict, "NAME", tmp_path / "db.sqlite3")
        assert rehearsal._is_missing() is True
        (tmp_path / "db.sqlite3").touch()
        assert rehearsal._is_missing() is False


def test_a_database_without_any_table_is_tried_in_memory():
    """A server's empty database is as good as none."""
    MigrationRecorder.Migration.objects.all().delete()
    migrations, made = rehearse(ENVIRON)
    assert migrations > 1
    assert made.providers == ["openai"]
    assert not Provider.objects.exists()


def test_missing_migrations_are_counted_and_the_rest_is_unknown():
    """Rows are not read from tables that may not fit yet."""
    MigrationRecorder.Migration.objects.filter(app="proxy").latest("pk").delete()
    migrations, made = rehearse(ENVIRON)
    assert migrations == 1
    assert made is None
