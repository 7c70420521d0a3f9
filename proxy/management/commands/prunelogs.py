"""manage.py prunelogs: delete the request history that is older than it should be kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from proxy.management.reporting import ReportingCommand
from proxy.models import ClientKeyHour, HourlyRollup, RequestLog, RouterSettings

BATCH = 1000
MAX_DAYS = 36_500


class Command(ReportingCommand):
    help = "Deletes requests older than the router settings' retention days, in small batches. Meant for cron."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--days", type=int, help="keep this many days instead of the setting's")
        parser.add_argument("--dry-run", action="store_true", help="count, delete nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        settings = RouterSettings.objects.filter(pk=1).first() or RouterSettings()
        days: int = settings.retention_days if options["days"] is None else options["days"]
        if not 0 <= days <= MAX_DAYS:
            raise CommandError(f"--days must be between 0 and {MAX_DAYS}")
        old = RequestLog.objects.filter(time__lt=timezone.now() - timedelta(days=days))
        count = old.count() if options["dry_run"] else 0
        if not options["dry_run"]:
            # Each batch is a transaction of its own: the log writer is never kept waiting for long.
            while batch := list(old.order_by("pk").values_list("pk", flat=True)[:BATCH]):
                RequestLog.objects.filter(pk__in=batch).delete()
                count += len(batch)
        hours = _prune_rollup(max(settings.rollup_days, days), options["dry_run"])
        verb = "would be deleted" if options["dry_run"] else "deleted"
        lines = [f"{count} request{'' if count == 1 else 's'} older than {days} days {verb}"]
        if hours:
            lines.append(f"{hours} rows of hourly sums older than {settings.rollup_days} days {verb}")
        content = {"deleted": count, "days": days, "rollup_deleted": hours, "dry_run": options["dry_run"]}
        self.report(lines, content, options["json"])


def _prune_rollup(days: int, dry_run: bool) -> int:
    """Delete hourly sums that are older than so many days; returns how many rows."""
    before = timezone.now() - timedelta(days=days)
    count = 0
    for table in (HourlyRollup, ClientKeyHour):
        old = table._default_manager.filter(hour__lt=before)
        if dry_run:
            count += old.count()
            continue
        while batch := list(old.order_by("pk").values_list("pk", flat=True)[:BATCH]):
            count += table._default_manager.filter(pk__in=batch).delete()[0]
    return count
