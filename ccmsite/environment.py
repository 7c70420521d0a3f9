"""The environment, read once: `.env` beside manage.py, `NAME_FILE` for values kept in files.

Values are only read here; whether they make sense is for the system checks to say.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path

import environ

from providers.oauth.flows import FLOWS

BASE_DIR = Path(__file__).resolve().parent.parent

OAUTH_NAMES = tuple(dict.fromkeys(flow.env for flow in FLOWS.values()))

FILE_NAMES = (
    "SECRET_KEY", "CCM_FIELD_KEYS", "DATABASE_URL", "REDIS_URL", "CCM_METRICS_TOKEN",
    "DJANGO_SUPERUSER_PASSWORD", *(f"{name}_CLIENT_SECRET" for name in OAUTH_NAMES),
)  # fmt: skip
"""Variables that may be given as `NAME_FILE`, the path of a file that holds the value."""

env = environ.Env()


def load() -> None:
    """Bring `.env` (path: `CCM_ENV_FILE`, default beside manage.py) and `NAME_FILE` values into the environment."""
    path = Path(os.environ.get("CCM_ENV_FILE", BASE_DIR / ".env"))
    if path.is_file():
        environ.Env.read_env(str(path), overwrite=False)
    for name in FILE_NAMES:
        source = os.environ.get(f"{name}_FILE")
        if source and name not in os.environ:
            os.environ[name] = Path(source).read_text(encoding="utf-8").strip()


def number(name: str, default: float) -> tuple[float, str]:
    """A number and, when the value is not one, the complaint the system check will show."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default, ""
    try:
        value = float(text)
    except ValueError:
        return default, f"{name} must be a number, not {text!r}"
    return (value, "") if value > 0 else (default, f"{name} must be greater than 0, not {text!r}")


def choice(name: str, options: tuple[str, ...], default: str) -> tuple[str, str]:
    """One of `options` and, when the value is none of them, the complaint."""
    text = os.environ.get(name, "").strip().lower() or default
    if text in options:
        return text, ""
    return default, f"{name} must be one of {', '.join(options)}, not {text!r}"


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
