"""manage.py exportconfig: the configuration as a file that imports to the same state."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from proxy.configfile.export import UnreadableSecret, export
from proxy.configfile.rows import load_state
from proxy.management.reporting import ReportingCommand


class Command(ReportingCommand):
    help = "Writes the configuration as TOML, secrets as ${VARIABLES}; client keys and the history are not in it."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", type=Path, nargs="?", help="default: standard output")
        parser.add_argument("--dry-run", action="store_true", help="do all but write the file")
        parser.add_argument("--with-secrets", action="store_true", help="write the secrets themselves")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path | None = options["file"]
        try:
            result = export(load_state(), with_secrets=options["with_secrets"])
            if path is not None and not options["dry_run"]:
                _write(path, result.text)
        except UnreadableSecret as error:
            raise CommandError(f"nothing was exported: {error}") from error
        except OSError as error:
            raise CommandError(f"nothing was exported: {path} cannot be written: {error.strerror}") from error
        content: dict[str, Any] = {
            "file": str(path) if path else None,
            "variables": result.variables,
            "dry_run": options["dry_run"],
        }
        if path is None:
            content["text"] = result.text
        verb = "would write" if options["dry_run"] else "wrote"
        self.report([f"{verb} {path}"] if path else [result.text.rstrip("\n")], content, options["json"])
        if result.variables and not options["json"]:
            self.stderr.write("set before importing it: " + " ".join(result.variables))


def _write(path: Path, text: str) -> None:
    """Write for the owner's eyes only, whole or not at all."""
    # mkstemp makes the file 0600 from the start: there is no moment at which others could read it.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
