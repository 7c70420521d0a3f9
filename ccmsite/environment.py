"""The environment, read once: `.env` beside manage.py, `NAME_FILE` for values kept in files.

Values are only read here; whether they make sense is for the system checks to say.
"""

from __future__ import annotations

import hmac
import io
import math
import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import environ

from providers.oauth.flows import FLOWS

BASE_DIR = Path(__file__).resolve().parent.parent

OAUTH_NAMES = tuple(dict.fromkeys(flow.env for flow in FLOWS.values()))

FILE_NAMES = (
    "SECRET_KEY", "CCM_FIELD_KEYS", "DATABASE_URL", "REDIS_URL", "CCM_METRICS_TOKEN",
    "DJANGO_SUPERUSER_PASSWORD", *(f"{name}_CLIENT_SECRET" for name in OAUTH_NAMES),
)  # fmt: skip
"""Variables that may be given as `NAME_FILE`, the path of a file that holds the value."""

NO_DATABASE = {"ENGINE": "django.db.backends.dummy"}
"""Stands in for a database whose URL is wrong: nothing is read from another one, and nothing written there."""

_ENGINES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")

env = environ.Env()


def load() -> list[str]:
    """Bring `.env` (path: `CCM_ENV_FILE`, default beside manage.py) and `NAME_FILE` values into the environment.

    Returns the complaints about files that cannot be read; a `.env` that is not there is none.
    """
    complaints = []
    path = Path(os.environ.get("CCM_ENV_FILE") or BASE_DIR / ".env")
    if path.is_file() or path.is_dir():
        text, complaint = _text_of("CCM_ENV_FILE", path)
        complaints.append(complaint)
        environ.Env.read_env(io.StringIO(text), overwrite=False)
    for name in FILE_NAMES:
        source = os.environ.get(f"{name}_FILE")
        if source and name not in os.environ:
            text, complaint = _text_of(f"{name}_FILE", Path(source))
            complaints.append(complaint)
            if not complaint:
                os.environ[name] = text.strip()
    return [complaint for complaint in complaints if complaint]


def _text_of(name: str, path: Path) -> tuple[str, str]:
    try:
        return path.read_text(encoding="utf-8"), ""
    except OSError as error:
        reason = error.strerror
    except UnicodeDecodeError:
        reason = "it is no UTF-8 text"
    return "", f"{name} names {path}, which cannot be read: {reason}"


def number(name: str, default: float) -> tuple[float, str]:
    """A number and, when the value is not one, the complaint the system check will show."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default, ""
    try:
        value = float(text)
    except ValueError:
        return default, f"{name} must be a number, not {text!r}"
    if not math.isfinite(value):
        return default, f"{name} must be a finite number, not {text!r}"
    return (value, "") if value > 0 else (default, f"{name} must be greater than 0, not {text!r}")


def choice(name: str, options: tuple[str, ...], default: str) -> tuple[str, str]:
    """One of `options` and, when the value is none of them, the complaint."""
    text = os.environ.get(name, "").strip().lower() or default
    if text in options:
        return text, ""
    return default, f"{name} must be one of {', '.join(options)}, not {text!r}"


def time_zone(name: str, default: str) -> tuple[str, str]:
    """The name of a time zone and, when this machine knows none of that name, the complaint."""
    text = os.environ.get(name, "").strip() or default
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        return default, f"{name} must be a time zone such as Europe/Berlin, not {text!r}"
    return text, ""


def database(name: str, default: str) -> tuple[dict[str, Any], str]:
    """Django's settings of the database and, when the URL is none we can use, `NO_DATABASE` and the complaint.

    The URL may hold a password: the complaint does not show it.
    """
    url = anchored_database_url(os.environ.get(name, "").strip() or default)
    try:
        known = env.DB_SCHEMES.get(url.partition("://")[0]) in _ENGINES
        config: dict[str, Any] = env.db_url_config(url) if known else {}
    except ValueError:  # a port that is no number
        config = {}
    if config:
        return config, ""
    return dict(NO_DATABASE), f"{name} must be sqlite:///PATH or postgres://USER:PASSWORD@HOST/NAME"


def redis_url(name: str) -> tuple[str, str]:
    """The address of Redis, empty for none, and, when it is no such address, the complaint, which does not show it."""
    text = os.environ.get(name, "").strip()
    if not text or text.partition("://")[0] in ("redis", "rediss", "unix"):
        return text, ""
    return "", f"{name} must begin with redis://, rediss:// or unix://"


def oauth_clients() -> dict[str, tuple[str, str]]:
    """The id and secret of every OAuth client that is named here, both empty where the usual one is meant."""
    return {
        name: (
            os.environ.get(f"{name}_CLIENT_ID", "").strip(),
            os.environ.get(f"{name}_CLIENT_SECRET", "").strip(),
        )
        for name in OAUTH_NAMES
    }


def anchored_database_url(url: str) -> str:
    """A relative SQLite path is meant from the project, not from wherever the command was typed."""
    prefix = "sqlite:///"
    path = url.removeprefix(prefix)
    if not url.startswith(prefix) or path.startswith("/") or path == ":memory:":
        return url
    return f"{prefix}{BASE_DIR / path}"


def layer_prefix(secret_key: str) -> str:
    """What our channels begin with in Redis: whoever shares the server, even another of us, has others.

    Its database numbers do not part what is published.
    """
    return f"ccm-{hmac.new(secret_key.encode(), b'channel layer', 'sha256').hexdigest()[:16]}-"
