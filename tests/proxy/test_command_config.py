"""importconfig and exportconfig as commands: output, exit codes, files."""

import json
import os
import stat
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.db.models import QuerySet

from providers.models import Provider
from proxy.management.reporting import printable

pytestmark = pytest.mark.django_db

GOOD = "[[providers]]\nname = 'open'\nprovider_type = 'openai'\napi_key = '$CCM_OPEN_API_KEY'\n"


def run(*args, **options):
    out, err = StringIO(), StringIO()
    call_command(*args, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("CCM_OPEN_API_KEY", "open-secret-123456")
    path = tmp_path / "config.toml"
    path.write_text(GOOD)
    return path


def test_importconfig_tells_what_it_changed_and_then_that_there_is_nothing(file):
    """The first run lists its changes, the second says so when there are none."""
    out, _ = run("importconfig", str(file))
    assert "+ provider open" in out
    assert "secret: …3456" in out
    assert out.endswith("2 changes made\n")
    assert run("importconfig", str(file))[0] == "no changes\n"


def test_importconfig_dry_run_writes_nothing(file):
    """--dry-run shows and leaves alone."""
    out, _ = run("importconfig", str(file), "--dry-run")
    assert "nothing was written" in out
    assert not Provider.objects.exists()


def test_importconfig_fails_with_all_errors(file):
    """A file with mistakes ends with a failure, and each mistake is printed."""
    file.write_text(GOOD + "nonsense = 1\n[router]\ndefault = 'x'\n")
    out = StringIO()
    with pytest.raises(CommandError, match="2 problems"):
        call_command("importconfig", str(file), stdout=out)
    assert "error: line 5, [[providers]] #1 'open': nonsense" in out.getvalue()
    assert "error: line 7, [router]: default: there is no logical model 'x'" in out.getvalue()
    assert not Provider.objects.exists()


def test_importconfig_json_is_one_value_also_when_it_fails(file):
    """Scripts get the same facts in one JSON value."""
    content = json.loads(run("importconfig", str(file), "--json")[0])
    assert content["ok"] is True
    assert content["changes"][0] == {
        "action": "add", "kind": "provider", "name": "open",
        "fields": [
            {"name": "preset", "before": "", "after": "openai"},
            {"name": "enabled", "before": "", "after": "yes"},
        ],
    }  # fmt: skip
    file.write_text("[")
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("importconfig", str(file), "--json", stdout=out)
    assert json.loads(out.getvalue())["errors"][0].startswith("this is not TOML")


def test_importconfig_refuses_what_is_no_regular_file(tmp_path):
    """A FIFO is refused without waiting for its other end."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(CommandError, match="not a regular file"):
        call_command("importconfig", str(fifo))


def test_exportconfig_prints_placeholders_and_names_the_variables(file):
    """Without --with-secrets the text holds a variable, named on standard error."""
    run("importconfig", str(file))
    out, err = run("exportconfig")
    assert 'api_key = "${CCM_OPEN_API_KEY}"' in out
    assert "open-secret" not in out
    assert err == "set before importing it: CCM_OPEN_API_KEY\n"


def test_exportconfig_with_secrets_is_for_the_owners_eyes(file, tmp_path):
    """The file is 0600 even where it replaces an open one, and imports to the same state."""
    run("importconfig", str(file))
    target = tmp_path / "out.toml"
    target.write_text("old")
    target.chmod(0o644)
    run("exportconfig", str(target), "--with-secrets")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert "open-secret-123456" in target.read_text()
    assert run("importconfig", str(target), "--prune")[0] == "no changes\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "out.toml"]


def test_exportconfig_dry_run_writes_no_file(file, tmp_path):
    """It does all but write: what is missing for the export would be told."""
    run("importconfig", str(file))
    target = tmp_path / "out.toml"
    assert run("exportconfig", str(target), "--dry-run")[0] == f"would write {target}\n"
    content = json.loads(run("exportconfig", str(target), "--dry-run", "--json")[0])
    assert content == {"file": str(target), "variables": ["CCM_OPEN_API_KEY"], "dry_run": True}
    assert not target.exists()


def test_exportconfig_to_a_place_that_is_not_there_fails(tmp_path):
    """A path that cannot be written is a failure in one line, which names that path and no other."""
    for place, reason in ((tmp_path / "no" / "out.toml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(CommandError) as caught:
            call_command("exportconfig", str(place))
        assert str(caught.value) == f"nothing was exported: {place} cannot be written: {reason}"


@pytest.mark.parametrize("command", [("exportconfig",), ("history",), ("statusline", "--session", "s")])
def test_a_database_that_cannot_be_used_is_told_with_the_fix(monkeypatch, command):
    """One line names the command that makes the tables, whoever asked."""

    def fail(*args, **kwargs):
        raise DatabaseError("no such table: ours")

    monkeypatch.setattr(QuerySet, "_fetch_all", fail)
    monkeypatch.setattr(QuerySet, "iterator", fail)
    with pytest.raises(CommandError, match=r"no such table: ours\. .*`manage\.py migrate`"):
        call_command(*command)


def test_terminal_escapes_are_not_printed():
    """Text from clients cannot drive the terminal of whoever reads it."""
    assert printable("a\x1b[31mb\nc") == "a�[31mb\nc"
