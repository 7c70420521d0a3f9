"""manage.py importconfig: bring the database to what a configuration file says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from providers.vault import VaultError
from proxy.configfile.display import result_content
from proxy.configfile.importing import ImportResult, UnreadableFile, import_text, read_text
from proxy.management.reporting import ReportingCommand


class Command(ReportingCommand):
    help = (
        "Imports a TOML configuration file, Claude Code Mux's own included: all of it or, if anything is wrong, none."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="show what would change, change nothing")
        parser.add_argument("--prune", action="store_true", help="delete what the file does not have")

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run: bool = options["dry_run"]
        try:
            text = read_text(options["file"])
            result = import_text(text, os.environ, prune=options["prune"], dry_run=dry_run)
        except (UnreadableFile, VaultError) as error:
            self.report([], {"ok": False, "errors": [str(error)]}, options["json"])
            raise CommandError(str(error)) from error
        self.report(_lines(result, dry_run), result_content(result, dry_run=dry_run), options["json"])
        if result.errors:
            count = len(result.errors)
            raise CommandError(f"{count} problem{'s' if count > 1 else ''} in the file; nothing was imported")


def _lines(result: ImportResult, dry_run: bool) -> list[str]:
    lines = [f"note: {note}" for note in result.notes]
    if result.errors:
        return [*lines, *(f"error: {finding}" for finding in result.errors)]
    lines += [str(change) for change in result.changes]
    if not result.changes:
        return [*lines, "no changes"]
    count = len(result.changes)
    changes = f"{count} change{'s' if count > 1 else ''}"
    return [*lines, f"{changes} to make; nothing was written (--dry-run)" if dry_run else f"{changes} made"]
