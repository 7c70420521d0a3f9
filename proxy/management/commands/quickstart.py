"""manage.py quickstart: from a fresh clone to the first answer."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from providers.vault import VaultError
from proxy.management import first_run
from proxy.management.address import parse_address
from proxy.management.env_file import ensure_env_file, env_path
from proxy.management.first_run import FirstRun
from proxy.management.rehearsal import rehearse
from proxy.management.reporting import ReportingCommand

ANY_TOKEN = "any-string-works-on-this-machine"  # noqa: S105
"""Stands in the printed line for a key that cannot be shown again; loopback clients need none."""
MENDED_HERE = ("ccm.E001", "ccm.E002")
"""The checks that fail for want of what this command writes to `.env`."""


class Command(ReportingCommand):
    help = "Prepares everything for the first run. Run it as often as you like: what is there already stays."
    # Run in `handle`: they would refuse for want of the very settings that this command writes.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "address",
            nargs="?",
            default="127.0.0.1:13456",
            help="where it will be served (default: %(default)s)",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be made, make nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            url = parse_address(options["address"]).url
        except ValueError as error:
            raise CommandError(str(error)) from error
        _refuse_wrong_settings()
        try:
            if options["dry_run"]:
                self._rehearse(options["json"])
            else:
                self._run(url, options["json"])
        except VaultError as error:
            raise CommandError(str(error)) from error

    def _run(self, url: str, as_json: bool) -> None:
        written = ensure_env_file()
        call_command("migrate", verbosity=0, interactive=False)
        # All or nothing: a password or key that is stored but was never printed would be lost.
        with transaction.atomic():
            made = first_run.ensure_rows(os.environ)
        content: dict[str, Any] = {
            "env_file": str(env_path()) if written else None,
            "admin_url": f"{url}/admin/",
            "user": made.admin or None,
            "password": made.password or None,
            "client_key": made.client_key or None,
            "providers": made.providers,
            "model": made.model or None,
            "prices": made.prices,
            "warnings": _warnings(made),
            "env": {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_AUTH_TOKEN": made.client_key or _stand_in()},
        }
        self.report(_lines(content, written), content, as_json)

    def _rehearse(self, as_json: bool) -> None:
        written = ensure_env_file(dry_run=True)
        migrations, made = rehearse(os.environ)
        would = _would(written, migrations, made)
        warnings = _warnings(made) if made else []
        lines = [f"Would {step}" for step in would] or ["Nothing to do"]
        lines += [*(f"Warning: {warning}" for warning in warnings), "Nothing was written (--dry-run)"]
        self.report(lines, {"dry_run": True, "would": would, "warnings": warnings}, as_json)


def _refuse_wrong_settings() -> None:
    """Raises CommandError with what the checks find wrong, before anything is written."""
    found = [each for each in checks.run_checks() if each.is_serious() and each.id not in MENDED_HERE]
    if found:
        raise CommandError("\n".join(f"({each.id}) {each.msg} {each.hint or ''}".rstrip() for each in found))


def _would(written: tuple[str, ...], migrations: int, made: FirstRun | None) -> list[str]:
    """The steps of a run, as words after "would". Passwords and keys are made up anew each time: none is told."""
    steps = [f"write {' and '.join(written)} to {env_path()}"] if written else []
    if migrations:
        steps.append(f"apply {migrations} migration{'s' if migrations > 1 else ''}")
    if made is None:
        return [*steps, "then add whatever is missing; what that is can be told once the migrations are applied"]
    if made.admin:
        steps.append(f"create the admin user {made.admin}{', with a random password' if made.password else ''}")
    if made.client_key:
        steps.append(f"create the client key {first_run.KEY_NAME}")
    steps += [f"add provider {name}" for name in made.providers]
    if made.model:
        steps.append(f"add logical model {made.model}, the default route")
    if made.prices:
        steps.append(f"add {made.prices} prices from genai-prices")
    return steps


def _stand_in() -> str:
    return "YOUR-CLIENT-KEY" if settings.CCM_REQUIRE_CLIENT_KEY == "always" else ANY_TOKEN


def _warnings(made: FirstRun) -> list[str]:
    warnings = [f"{name} is set but holds no usable key" for name in made.refused]
    if made.unreadable:
        warnings.append(
            f"{made.unreadable} stored secrets cannot be opened with CCM_FIELD_KEYS: "
            "restore the old key or enter them again"
        )
    return warnings


def _lines(content: dict[str, Any], written: tuple[str, ...]) -> list[str]:
    lines = [f"Wrote {' and '.join(written)} to {content['env_file']}"] if written else []
    lines += [f"Added provider {name}" for name in content["providers"]]
    if content["model"]:
        lines.append(f"Added logical model {content['model']}, the default route")
    if content["prices"]:
        lines.append(f"Added {content['prices']} prices from genai-prices")
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
