"""manage.py drill: break one provider for one client key for a while, and say what clients saw of it."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from providers.models import Provider
from proxy.drill_report import report_of, told
from proxy.management.reporting import ReportingCommand
from proxy.models import ClientKey, Drill
from proxy.models.drill import MAX_CUT, MAX_MINUTES, warning

_SPAN = re.compile(r"([0-9]{1,4})([smh])")
_UNITS = {"s": 1, "m": 60, "h": 3600}
_FAULT = re.compile(r"(429|529|hang|refused|cut)(?::([0-9]{1,6}))?")


class Command(ReportingCommand):
    help = (
        "Breaks one provider for the requests of one client key, for a while, to see that failover works. "
        "Nothing else notices, and it ends by itself. --report says what clients saw."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--provider", metavar="NAME", help="who fails")
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument("--key", metavar="NAME", help="whose requests: the name of a client key")
        whose.add_argument("--no-key", action="store_true", help="requests that show no client key of ours")
        parser.add_argument(
            "--fault", default="529", help="429, 529, hang, refused, or cut:200 (characters of text); default 529"
        )
        parser.add_argument("--for", default="10m", dest="length", metavar="SPAN", help="30s, 10m, 1h; default 10m")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be broken")
        other = parser.add_mutually_exclusive_group()
        other.add_argument("--list", action="store_true", help="show all drills, the newest first")
        other.add_argument("--stop", type=int, metavar="ID", help="end a drill now")
        other.add_argument("--report", type=int, metavar="ID", help="what clients saw of a drill, running or over")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            rows = list(Drill.objects.select_related("provider", "client_key"))
            self.report([_line(row) for row in rows] or ["no drills"], [_content(row) for row in rows], options["json"])
        elif options["stop"] is not None:
            self._stop(_drill(options["stop"]), options)
        elif options["report"] is not None:
            row = _drill(options["report"])
            found = report_of(row)
            lines = [_line(row), *(f"  {name}: {words}" for name, words in told(found))]
            self.report(lines, {**_content(row), "report": asdict(found)}, options["json"])
        else:
            self._start(options)

    def _stop(self, row: Drill, options: dict[str, Any]) -> None:
        if not row.runs:
            raise CommandError(
                f"drill {row.pk} does not run any more: it ended at {row.ended_at:%Y-%m-%d %H:%M:%S} UTC"
            )
        if not options["dry_run"]:
            row.stop()
        self.report([_line(row)], _content(row), options["json"])

    def _start(self, options: dict[str, Any]) -> None:
        fault, cut_after = _fault(options["fault"])
        row = Drill(provider=_provider(options["provider"]), client_key=_key(options), fault=fault)
        row.started_by = "manage.py drill"
        if cut_after is not None:
            row.cut_after = cut_after
        row.run_for(_span(options["length"]))
        try:
            row.full_clean()
        except ValidationError as error:
            raise CommandError("no drill was started: " + " ".join(error.messages)) from error
        if not options["dry_run"]:
            row.save()
        warned = warning(row.provider)
        lines = [_line(row), *([f"warning: {warned}"] if warned else [])]
        if row.pk:
            lines.append(f"servers know within a second; then: manage.py drill --report {row.pk}, --stop {row.pk}")
        content = {**_content(row), "warning": warned, "dry_run": options["dry_run"]}
        self.report(lines, content, options["json"])


def _drill(number: int) -> Drill:
    row = Drill.objects.select_related("provider", "client_key").filter(pk=number).first()
    if row is None:
        raise CommandError(f"there is no drill {number}: manage.py drill --list shows them")
    return row


def _provider(name: str | None) -> Provider:
    row = Provider.objects.filter(name=name).first() if name else None
    if row is None:
        there = ", ".join(Provider.objects.values_list("name", flat=True)) or "none yet"
        wrong = f"no provider is called {name}" if name else "say who is to fail: --provider NAME"
        raise CommandError(f"{wrong}; there are: {there}")
    return row


def _key(options: dict[str, Any]) -> ClientKey | None:
    if options["no_key"]:
        return None
    name = options["key"]
    row = ClientKey.objects.filter(name=name).first() if name else None
    if row is None:
        there = ", ".join(ClientKey.objects.values_list("name", flat=True)) or "none yet"
        wrong = f"no client key is called {name}" if name else "say whose requests: --key NAME, or --no-key"
        raise CommandError(f"{wrong}; there are: {there}")
    return row


def _fault(text: str) -> tuple[str, int | None]:
    found = _FAULT.fullmatch(text)
    characters = int(found[2]) if found and found[2] else None
    if not found or (characters is not None and (found[1] != "cut" or characters > MAX_CUT)):
        raise CommandError(f"--fault must be 429, 529, hang, refused or cut:200 (at most {MAX_CUT}), not {text!r}")
    return found[1], characters


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    length = timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else timedelta()
    if not timedelta() < length <= timedelta(minutes=MAX_MINUTES):
        raise CommandError(f"--for must be a time such as 30s or 10m, at most {MAX_MINUTES}m, not {text!r}")
    return length


def _line(row: Drill) -> str:
    what = f"{row.provider} fails for {row.told_key}: {row.told_fault}"
    number = f"drill {row.pk}" if row.pk else "would start"
    state = f"until {row.ends_at:%H:%M:%S} UTC" if row.runs else f"{row.state} at {row.ended_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{number}: {what}, {state}"


def _content(row: Drill) -> dict[str, Any]:
    return {
        "id": row.pk, "provider": row.provider.name, "key": row.client_key.name if row.client_key else None,
        "fault": row.fault, "cut_after": row.cut_after if row.fault == "cut" else None,
        "state": row.state if row.pk else "not started", "started_at": row.started_at, "ends_at": row.ends_at,
        "stopped_at": row.stopped_at, "started_by": row.started_by, "seconds_left": _left(row),
    }  # fmt: skip


def _left(row: Drill) -> int:
    return max(0, round((row.ended_at - timezone.now()).total_seconds()))
