"""What commands have in common: words for people, or one JSON value for scripts."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error


class ReportingCommand(BaseCommand):
    """A command with `--json`: either lines or one JSON value goes to standard output, never both."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--json`."""
        parser.add_argument("--json", action="store_true", help="print JSON, for scripts")

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run; a database that cannot be used is a failure in one line, not a traceback."""
        try:
            return super().execute(*args, **options)
        except Error as error:
            hint = "Is DATABASE_URL right, and is it there? `manage.py migrate` makes what is missing in it."
            raise CommandError(f"the database cannot be used: {error}. {hint}") from error

    def report(self, lines: list[str], content: Any, as_json: bool) -> None:
        """Print the lines, or the content as JSON."""
        if as_json:
            self.stdout.write(json.dumps(content, indent=2, default=str))
        elif lines:
            self.stdout.write("\n".join(printable(line) for line in lines))


def printable(text: str) -> str:
    """`text` without the characters that could drive a terminal; line breaks and tabs stay."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)
