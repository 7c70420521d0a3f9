"""The `.env` file: the settings that a first run makes up and every later run needs again."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.utils import get_random_secret_key

from providers import vault


def env_path() -> Path:
    """The file that the settings read: `CCM_ENV_FILE`, default beside manage.py."""
    return Path(os.environ.get("CCM_ENV_FILE") or Path(settings.BASE_DIR) / ".env")


def ensure_env_file(*, dry_run: bool = False) -> tuple[str, ...]:
    """Make up what is set nowhere, keep it in the file (not in a dry run) and put it in force; the names of it."""
    made = {}
    if not os.environ.get("SECRET_KEY"):
        # Quoted when read back: the characters that mean something in a .env file are avoided altogether.
        made["SECRET_KEY"] = "".join(c for c in get_random_secret_key() + get_random_secret_key() if c.isalnum())
    if not os.environ.get("CCM_FIELD_KEYS"):
        made["CCM_FIELD_KEYS"] = vault.new_key()
    if not made:
        return ()
    if not dry_run:
        _append(env_path(), made)
    os.environ.update(made)
    if "SECRET_KEY" in made:
        settings.SECRET_KEY = made["SECRET_KEY"]
    if "CCM_FIELD_KEYS" in made:
        settings.CCM_FIELD_KEYS = [made["CCM_FIELD_KEYS"]]
    return tuple(made)


def _append(path: Path, values: dict[str, str]) -> None:
    if path.exists() and not path.is_file():
        raise CommandError(f"{path} is no regular file: set {' and '.join(values)} in the environment")
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        gap = "\n" if before and not before.endswith("\n") else ""
        lines = "".join(f"{name}={value}\n" for name, value in values.items())
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(gap + lines)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
