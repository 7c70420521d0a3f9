"""The environment: what cannot be used is told with its variable's name, and nothing else is used in its place."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

from ccmsite import environment

WRONG = {
    "TIME_ZONE": "Mars/One", "DATABASE_URL": "mysql://user:hunter2@db/ccm", "REDIS_URL": "http://:hunter2@redis",
    "CCM_MAX_BODY_MB": "inf", "CCM_METRICS_TOKEN_FILE": "/nowhere/token",
}  # fmt: skip


def python(*arguments, **wrong):
    """Run our own interpreter in the project with some variables set."""
    here = {**os.environ, "SECRET_KEY": "x" * 50, "CCM_FIELD_KEYS": ",".join(settings.CCM_FIELD_KEYS)}
    here |= {"DJANGO_SETTINGS_MODULE": "ccmsite.settings", "CCM_ENV_FILE": os.devnull, **wrong}
    return subprocess.run(
        [sys.executable, *arguments], cwd=settings.BASE_DIR, env=here, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("command", ["check", "quickstart"])
def test_every_wrong_value_is_told_at_once(command):
    """No traceback ends the settings half-way: each variable is named with the fix, and no password is shown."""
    ended = python("manage.py", command, **WRONG)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "hunter2" not in ended.stderr
    for name in WRONG:
        assert f"(ccm.E004) {name} " in ended.stderr
        assert f"Correct {name} in .env or the environment" in ended.stderr


def test_no_server_starts_with_a_wrong_value():
    """Uvicorn and daphne run no checks: the application itself refuses."""
    ended = python("-c", "import ccmsite.asgi", **WRONG)
    assert ended.returncode == 1
    assert "ImproperlyConfigured: CCM_METRICS_TOKEN_FILE names /nowhere/token, which cannot be read" in ended.stderr


@pytest.mark.parametrize(
    "url",
    ["foo", "//user:hunter2@db/ccm", "mysql://user:hunter2@db/ccm", "postgres://user:hunter2@db:port/ccm"],
)
def test_a_database_that_we_cannot_use_is_no_database(monkeypatch, url):
    """Nothing is read from or written to another one instead; the password is not shown."""
    monkeypatch.setenv("DATABASE_URL", url)
    config, complaint = environment.database("DATABASE_URL", "sqlite:///db.sqlite3")
    assert config == environment.NO_DATABASE
    assert complaint.startswith("DATABASE_URL must be sqlite:///PATH or postgres://")
    assert "hunter2" not in complaint


def test_databases_that_we_can_use(monkeypatch):
    """A relative path is meant from the project; what is not set has the default."""
    monkeypatch.setenv("DATABASE_URL", "postgres://user:hunter2@db:5433/ccm")
    config, complaint = environment.database("DATABASE_URL", "sqlite:///db.sqlite3")
    assert (config["HOST"], config["PORT"], config["PASSWORD"], complaint) == ("db", 5433, "hunter2", "")
    monkeypatch.setenv("DATABASE_URL", "")
    config, complaint = environment.database("DATABASE_URL", "sqlite:///db.sqlite3")
    assert (config["NAME"], complaint) == (str(environment.BASE_DIR / "db.sqlite3"), "")


@pytest.mark.parametrize("text", ["Mars/One", "../etc", "/etc/passwd"])
def test_a_time_zone_must_be_known(monkeypatch, text):
    """What is none is told, and times are in UTC."""
    monkeypatch.setenv("TIME_ZONE", text)
    assert environment.time_zone("TIME_ZONE", "UTC") == (
        "UTC", f"TIME_ZONE must be a time zone such as Europe/Berlin, not {text!r}"
    )  # fmt: skip
    monkeypatch.setenv("TIME_ZONE", "Europe/Berlin")
    assert environment.time_zone("TIME_ZONE", "UTC") == ("Europe/Berlin", "")


@pytest.mark.parametrize("text", ["inf", "nan", "-1", "0", "many"])
def test_a_number_is_finite_and_positive(monkeypatch, text):
    """Anything else leaves the default and is told."""
    monkeypatch.setenv("CCM_SPILL_MB", text)
    value, complaint = environment.number("CCM_SPILL_MB", 256)
    assert value == 256
    assert complaint.startswith("CCM_SPILL_MB must be ")
    assert repr(text) in complaint


def test_a_file_that_cannot_be_read_is_told(monkeypatch, tmp_path):
    """`.env` and the files of secrets: a directory, bytes that are no text, a path that leads nowhere."""
    monkeypatch.delenv("CCM_METRICS_TOKEN", raising=False)
    blob = tmp_path / "blob"
    blob.write_bytes(b"\xff\xfe")
    monkeypatch.setenv("CCM_ENV_FILE", str(tmp_path))
    monkeypatch.setenv("CCM_METRICS_TOKEN_FILE", str(blob))
    assert environment.load() == [
        f"CCM_ENV_FILE names {tmp_path}, which cannot be read: Is a directory",
        f"CCM_METRICS_TOKEN_FILE names {blob}, which cannot be read: it is no UTF-8 text",
    ]
    assert "CCM_METRICS_TOKEN" not in os.environ


def test_files_that_can_be_read(monkeypatch, tmp_path):
    """`.env` sets what the environment does not; a `.env` that is not there is no mistake."""
    monkeypatch.setenv("CCM_ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.setenv("CCM_LOG_LEVEL", "debug")
    for name in ("CCM_METRICS_TOKEN", "CCM_LOG_FORMAT"):  # remembered, so that they are taken out again
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    assert environment.load() == []
    (tmp_path / "token").write_text("secret\n", encoding="utf-8")
    (tmp_path / ".env").write_text(
        f"CCM_LOG_LEVEL=error\nCCM_LOG_FORMAT=json\nCCM_METRICS_TOKEN_FILE={tmp_path / 'token'}\n", encoding="utf-8"
    )
    monkeypatch.setenv("CCM_METRICS_TOKEN_FILE", "")
    monkeypatch.delenv("CCM_METRICS_TOKEN_FILE")
    assert environment.load() == []
    assert (os.environ["CCM_LOG_LEVEL"], os.environ["CCM_LOG_FORMAT"]) == ("debug", "json")
    assert os.environ["CCM_METRICS_TOKEN"] == "secret"


@pytest.mark.parametrize(("text", "works"), [("", True), ("redis://h/0", True), ("unix:///r.s", True), ("h:1", False)])
def test_an_address_of_redis_has_its_scheme(monkeypatch, text, works):
    """Without one the live page would fail at the first event."""
    monkeypatch.setenv("REDIS_URL", text)
    value, complaint = environment.redis_url("REDIS_URL")
    assert (value == text, not complaint) == (works, works)
