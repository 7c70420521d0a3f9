"""manage.py createclientkey: a key that lets a client in, shown once."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from proxy.management.reporting import ReportingCommand
from proxy.models import ClientKey


class Command(ReportingCommand):
    help = "Creates a client key and prints it. Only its hash is kept: it cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", help="whose key it is, or where it is used")
        parser.add_argument("--dry-run", action="store_true", help="only check that the name can be used")

    def handle(self, *args: Any, **options: Any) -> None:
        row = ClientKey(name=options["name"])
        key = row.issue()
        try:
            row.full_clean()
        except ValidationError as error:
            raise CommandError("no key was created: " + " ".join(error.messages)) from error
        if options["dry_run"]:
            self.report([f"{row.name!r} can be used"], {"name": row.name, "dry_run": True}, options["json"])
            return
        row.save()
        lines = [f"{row.name}: {key}", "It is shown this once. Send it as x-api-key or Authorization: Bearer."]
        self.report(lines, {"name": row.name, "prefix": row.prefix, "key": key}, options["json"])
