"""manage.py quickstart: from a fresh clone to the first answer."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction

from providers.vault import VaultError
from proxy.management import first_run
from proxy.management.env_file import ensure_env_file, env_path
from proxy.management.reporting import ReportingCommand

BASE_URL = "http://127.0.0.1:13456"
ANY_TOKEN = "any-string-works-on-this-machine"  # noqa: S105
"""Stands in the printed line for a key that cannot be shown again; loopback clients need none."""


class Command(ReportingCommand):
    help = "Prepares everything for the first run. Run it as often as you like: what is there already stays."
    # The checks would refuse to run for want of the very settings that this command writes.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        made = ensure_env_file()
        try:
            call_command("migrate", verbosity=0, interactive=False)
            # All or nothing: a password or key that is stored but was never printed would be lost.
            with transaction.atomic():
                admin, password = first_run.ensure_admin(os.environ)
                key = first_run.ensure_client_key()
                providers, refused = first_run.ensure_providers(os.environ)
                model = first_run.ensure_models(providers)
                unreadable = first_run.unreadable_credentials()
        except VaultError as error:
            raise CommandError(str(error)) from error
        content: dict[str, Any] = {
            "env_file": str(env_path()) if made else None,
            "admin_url": f"{BASE_URL}/admin/",
            "user": admin or None,
            "password": password or None,
            "client_key": key or None,
            "providers": providers,
            "model": model or None,
            "warnings": _warnings(refused, unreadable),
            "env": {"ANTHROPIC_BASE_URL": BASE_URL, "ANTHROPIC_AUTH_TOKEN": key or _stand_in()},
        }
        self.report(_lines(content, made), content, options["json"])


def _stand_in() -> str:
    return "YOUR-CLIENT-KEY" if settings.CCM_REQUIRE_CLIENT_KEY == "always" else ANY_TOKEN


def _warnings(refused: list[str], unreadable: int) -> list[str]:
    warnings = [f"{name} is set but holds no usable key" for name in refused]
    if unreadable:
        warnings.append(
            f"{unreadable} stored secrets cannot be opened with CCM_FIELD_KEYS: restore the old key or enter them again"
        )
    return warnings


def _lines(content: dict[str, Any], made: tuple[str, ...]) -> list[str]:
    lines = [f"Wrote {' and '.join(made)} to {content['env_file']}"] if made else []
    lines += [f"Added provider {name}" for name in content["providers"]]
    if content["model"]:
        lines.append(f"Added logical model {content['model']}, the default route")
    lines += [f"Warning: {warning}" for warning in content["warnings"]]
    lines += ["", f"Admin      {content['admin_url']}"]
    if content["user"]:
        lines.append(f"User       {content['user']}")
        lines.append(f"Password   {content['password'] or '(from DJANGO_SUPERUSER_PASSWORD)'}")
    if content["client_key"]:
        lines.append(f"Client key {content['client_key']}")
    if content["password"] or content["client_key"]:
        lines.append("           (shown this once)")
    lines += ["", "For Claude Code:"]
    return lines + [f"  export {name}={value}" for name, value in content["env"].items()]
