"""manage.py rebuildrollup: the hourly sums, counted anew from the history."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from proxy import rollup
from proxy.management.reporting import ReportingCommand


class Command(ReportingCommand):
    help = (
        "Counts the history into the hourly sums anew. Needed once for a history that is older than the sums. "
        "Safe while requests are served; hours whose requests were pruned keep their sums."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="say how many hours, write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        hours = rollup.rebuild(dry_run=options["dry_run"])
        verb = "would be counted" if options["dry_run"] else "counted"
        content = {"hours": hours, "dry_run": options["dry_run"]}
        self.report([f"{hours} hour{'' if hours == 1 else 's'} of the history {verb} anew"], content, options["json"])
