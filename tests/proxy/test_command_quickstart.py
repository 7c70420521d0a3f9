"""quickstart: from nothing to something that answers, as often as one likes."""

import json
import os
import re
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db.migrations.recorder import MigrationRecorder

from providers.models import Provider
from providers.presets import PRESETS
from proxy.management.env_file import ensure_env_file
from proxy.models import ClientKey, LogicalModel, ModelPrice, RouterSettings
from proxy.models.client_key import digest_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    for preset in PRESETS.values():
        if preset.env_key:
            monkeypatch.delenv(preset.env_key, raising=False)
    for name in ("USERNAME", "EMAIL", "PASSWORD"):
        monkeypatch.delenv(f"DJANGO_SUPERUSER_{name}", raising=False)
    monkeypatch.setenv("CCM_ENV_FILE", str(tmp_path / ".env"))


def run(*arguments):
    out = StringIO()
    call_command("quickstart", *arguments, stdout=out)
    return out.getvalue()


def quickstart():
    return json.loads(run("--json"))


@pytest.mark.django_db
def test_the_first_run_prints_what_can_be_used_and_the_second_makes_nothing_new():
    """Password and key work, are shown once, and nothing is made twice."""
    first = quickstart()
    person = get_user_model().objects.get(username=first["user"])
    assert person.is_superuser
    assert person.check_password(first["password"])
    assert ClientKey.objects.get(name="quickstart").digest == digest_of(first["client_key"])
    assert first["env"]["ANTHROPIC_AUTH_TOKEN"] == first["client_key"]
    assert RouterSettings.load().default.name == first["model"] == "demo"
    assert [mapping.provider.preset for mapping in LogicalModel.objects.get().mappings.all()] == ["echo"]
    second = quickstart()
    assert (second["user"], second["password"], second["client_key"], second["model"]) == (None,) * 4
    assert second["env"]["ANTHROPIC_AUTH_TOKEN"] == "any-string-works-on-this-machine"
    assert (get_user_model().objects.count(), ClientKey.objects.count(), Provider.objects.count()) == (1, 1, 1)


@pytest.mark.django_db
def test_the_words_for_people_hold_the_two_export_lines():
    """What Claude Code needs can be pasted into a shell."""
    out = StringIO()
    call_command("quickstart", stdout=out)
    lines = out.getvalue().splitlines()
    assert "Admin      http://127.0.0.1:13456/admin/" in lines
    assert "  export ANTHROPIC_BASE_URL=http://127.0.0.1:13456" in lines
    assert any(line.startswith("  export ANTHROPIC_AUTH_TOKEN=ccm_") for line in lines)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("8000", "http://127.0.0.1:8000"), ("0.0.0.0:80", "http://127.0.0.1:80"), ("[::]:80", "http://127.0.0.1:80"),
        ("[::1]:8000", "http://[::1]:8000"), ("10.0.0.7:8000", "http://10.0.0.7:8000"),
    ],
)  # fmt: skip
def test_the_words_name_the_address_that_will_be_served(address, url):
    """As `make run ADDR=…` gives it; where all addresses are served, the one that this machine reaches."""
    told = json.loads(run(address, "--json"))
    assert (told["admin_url"], told["env"]["ANTHROPIC_BASE_URL"]) == (f"{url}/admin/", url)


@pytest.mark.django_db
def test_what_is_no_address_is_refused_before_anything_is_made():
    """With the way to write one."""
    with pytest.raises(CommandError, match=r"'here' is no address: write ADDR:PORT"):
        run("here")
    assert not get_user_model().objects.exists()


@pytest.mark.django_db
def test_a_given_password_is_used_and_not_printed(monkeypatch):
    """DJANGO_SUPERUSER_* decide who the admin is."""
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "ada")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse battery")
    out = StringIO()
    call_command("quickstart", stdout=out)
    assert get_user_model().objects.get(username="ada").check_password("correct horse battery")
    assert "correct horse battery" not in out.getvalue()


@pytest.mark.django_db
def test_keys_in_the_environment_become_providers_with_failover(monkeypatch):
    """Every well-known key is a provider; those with a known model serve `default`, in order."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-0123456789")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-0123456789")
    monkeypatch.setenv("GROQ_API_KEY", "gsk-0123456789")
    content = quickstart()
    assert content["providers"] == ["anthropic", "openai", "groq"]
    assert content["model"] == "default"
    mappings = RouterSettings.load().default.mappings.all()
    assert [(row.priority, row.provider.name) for row in mappings] == [(1, "anthropic"), (2, "openai")]
    assert Provider.objects.get(name="openai").credentials.get().reveal() == "sk-openai-0123456789"
    assert not Provider.objects.filter(preset="echo").exists()


@pytest.mark.django_db
def test_a_deleted_provider_is_not_brought_back(monkeypatch):
    """Whoever deletes it means it, though the key is still in the environment."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk-0123456789")
    quickstart()
    Provider.objects.all().delete()
    assert quickstart()["providers"] == []


@pytest.mark.django_db
def test_the_demo_gives_way_to_the_first_real_provider(monkeypatch):
    """A key that is set after the first run is used by the next one."""
    quickstart()
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-0123456789")
    assert quickstart()["model"] == "default"
    assert RouterSettings.load().default.name == "default"
    assert [row.provider.name for row in RouterSettings.load().default.mappings.all()] == ["anthropic"]


@pytest.mark.django_db
def test_a_key_that_cannot_be_one_is_a_warning(monkeypatch):
    """A value with blanks or line breaks would break the header it travels in."""
    monkeypatch.setenv("OPENAI_API_KEY", "two words")
    content = quickstart()
    assert content["providers"] == []
    assert content["warnings"] == ["OPENAI_API_KEY is set but holds no usable key"]


@pytest.mark.django_db
def test_secrets_that_the_keys_do_not_open_are_told(monkeypatch, settings):
    """A .env that was lost is noticed at once, not with the first request."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk-0123456789")
    quickstart()
    settings.CCM_FIELD_KEYS = ["b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXktISE="]
    assert "1 stored secrets cannot be opened" in quickstart()["warnings"][0]


@pytest.mark.django_db
def test_a_dry_run_says_what_would_be_made_and_makes_nothing(monkeypatch):
    """Every step in words, without the password and the key that would be made up; the run then does just that."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk-0123456789")
    content = json.loads(run("--dry-run", "--json"))
    assert re.fullmatch(r"add \d{4} prices from genai-prices", content["would"].pop())
    assert content == {
        "dry_run": True,
        "would": [
            "create the admin user admin, with a random password", "create the client key quickstart",
            "add provider groq",
        ],
        "warnings": [],
    }  # fmt: skip
    assert (get_user_model().objects.count(), ClientKey.objects.count(), Provider.objects.count()) == (0, 0, 0)
    lines = run("--dry-run").splitlines()
    assert (lines[-3], lines[-1]) == ("Would add provider groq", "Nothing was written (--dry-run)")
    assert not ModelPrice.objects.exists()
    made = quickstart()
    assert (made["providers"], made["prices"]) == (["groq"], ModelPrice.objects.count())
    assert run("--dry-run").splitlines() == ["Nothing to do", "Nothing was written (--dry-run)"]


@pytest.mark.django_db
def test_a_dry_run_before_missing_migrations_names_only_these():
    """What the tables hold can be told when they fit."""
    MigrationRecorder.Migration.objects.filter(app="proxy").latest("pk").delete()
    would = json.loads(run("--dry-run", "--json"))["would"]
    assert re.fullmatch(r"apply \d+ migrations?", would[0])
    assert "once the migrations are applied" in would[1]
    assert len(would) == 2


@pytest.mark.django_db
def test_a_dry_run_warns_as_the_run_would(monkeypatch):
    """A variable that holds no key is noticed before anything is made."""
    monkeypatch.setenv("OPENAI_API_KEY", "two words")
    assert "Warning: OPENAI_API_KEY is set but holds no usable key" in run("--dry-run").splitlines()


def test_the_env_file_keeps_what_is_there_and_is_private(monkeypatch, settings, tmp_path):
    """Lines of the operator stay; only what is set nowhere is added."""
    path = tmp_path / ".env"
    path.write_text("DEBUG=false")
    path.chmod(0o644)
    monkeypatch.delenv("SECRET_KEY")
    before = os.environ["CCM_FIELD_KEYS"]
    settings.SECRET_KEY = "replaced below"
    assert ensure_env_file() == ("SECRET_KEY",)
    lines = path.read_text().splitlines()
    assert lines[0] == "DEBUG=false"
    assert lines[1] == f"SECRET_KEY={os.environ['SECRET_KEY']}" == f"SECRET_KEY={settings.SECRET_KEY}"
    assert len(lines) == 2
    assert len(settings.SECRET_KEY) >= 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.environ["CCM_FIELD_KEYS"] == before
    assert ensure_env_file() == ()


def test_an_env_file_that_cannot_be_written_is_a_failure(monkeypatch, tmp_path):
    """A directory in its place is told, and nothing is made up in silence."""
    monkeypatch.delenv("SECRET_KEY")
    monkeypatch.setenv("CCM_ENV_FILE", str(tmp_path))
    with pytest.raises(CommandError, match="no regular file"):
        ensure_env_file()


def test_it_starts_with_no_settings_at_all(tmp_path):
    """A fresh clone has neither SECRET_KEY nor database: the real command makes both, and the checks pass."""
    environ = {
        name: value for name, value in os.environ.items()
        if name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH")
    }  # fmt: skip
    environ |= {"CCM_ENV_FILE": str(tmp_path / ".env"), "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}

    def manage(*args):
        return subprocess.run(
            [sys.executable, "manage.py", *args], cwd=ROOT, env=environ, capture_output=True, text=True
        )

    refused = manage("check")
    assert refused.returncode == 1
    assert "ccm.E001" in refused.stderr
    assert "quickstart" in refused.stderr
    rehearsed = manage("quickstart", "--dry-run", "--json")
    assert rehearsed.returncode == 0, rehearsed.stderr
    would = json.loads(rehearsed.stdout)["would"]
    assert would[0] == f"write SECRET_KEY and CCM_FIELD_KEYS to {tmp_path / '.env'}"
    assert would[-1] == "add logical model demo, the default route"
    assert list(tmp_path.iterdir()) == []
    first = manage("quickstart", "--json")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["client_key"].startswith("ccm_")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert manage("check").returncode == 0
    assert json.loads(manage("quickstart", "--json").stdout)["password"] is None
