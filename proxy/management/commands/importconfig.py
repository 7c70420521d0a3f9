"""manage.py importconfig: bring the database to what a configuration file says."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from providers.vault import VaultError
from proxy.configfile.display import result_content
from proxy.configfile.importing import ImportResult, UnreadableFile, import_text, read_text
from proxy.configfile.tokens_file import Imported, import_tokens, read_tokens
from proxy.management.reporting import ReportingCommand


class Command(ReportingCommand):
    help = (
        "Imports a TOML configuration file, Claude Code Mux's own included: all of it or, if anything is wrong, none. "
        "With --tokens also the accounts that are signed in there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", type=Path, nargs="?")
        parser.add_argument("--tokens", metavar="FILE", type=Path, help="Claude Code Mux's oauth_tokens.json")
        parser.add_argument("--dry-run", action="store_true", help="show what would change, change nothing")
        parser.add_argument("--prune", action="store_true", help="delete what the file does not have")

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run: bool = options["dry_run"]
        if options["file"] is None and options["tokens"] is None:
            raise CommandError("name a configuration file, or a file of tokens with --tokens, or both")
        result, imported = ImportResult((), (), ()), tuple[Imported, ...]()
        try:
            entries = read_tokens(read_text(options["tokens"]), datetime.now(UTC)) if options["tokens"] else ()
            if options["file"] is not None:
                result = import_text(read_text(options["file"]), os.environ, prune=options["prune"], dry_run=dry_run)
            if not result.errors:
                imported = import_tokens(entries, dry_run=dry_run)
        except (UnreadableFile, VaultError) as error:
            self.report([], {"ok": False, "errors": [str(error)]}, options["json"])
            raise CommandError(str(error)) from error
        lines = _lines(result, dry_run) if options["file"] is not None else []
        content = result_content(result, dry_run=dry_run)
        if options["tokens"]:
            lines += [*map(str, imported), _advice(options["tokens"], dry_run)]
            content["tokens"] = [asdict(one) for one in imported]
        self.report(lines, content, options["json"])
        if result.errors:
            count = len(result.errors)
            raise CommandError(f"{count} problem{'s' if count > 1 else ''} in the file; nothing was imported")


def _advice(path: Path, dry_run: bool) -> str:
    if dry_run:
        return "no tokens were stored (--dry-run)"
    return (
        f"Now delete {path}: its tokens are in the clear, and a refresh token is good once, "
        "so only one program can use them."
    )


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
