"""manage.py syncprices: what models cost, from the genai-prices package."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from proxy import price_sync
from proxy.management.reporting import ReportingCommand
from proxy.price_source import SourceMissing


class Command(ReportingCommand):
    help = (
        "Brings the prices of all vendors up to date from the installed genai-prices package (update the package "
        "first: pip install -U genai-prices). Fetches nothing, and never overwrites a price that was edited."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="count, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = price_sync.sync(dry_run=options["dry_run"])
        except SourceMissing as error:
            raise CommandError(str(error)) from error
        would = "would be " if options["dry_run"] else ""
        lines = [
            f"prices: {done.added} {would}added, {done.changed} {would}changed, {done.deleted} {would}deleted, "
            f"{done.same} as before; {done.edited} edited ones stay as they are"
        ]
        self.report(lines, {**asdict(done), "dry_run": options["dry_run"]}, options["json"])
