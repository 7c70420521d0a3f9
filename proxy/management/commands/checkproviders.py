"""manage.py checkproviders: really call each provider, and say what to do where it fails."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from providers.checking import CHECK_S, CheckResult, check_rows
from providers.models import Provider
from proxy.management.reporting import ReportingCommand


class Command(ReportingCommand):
    help = (
        "Calls each enabled provider for one token and for its list of models, all of them in parallel. "
        "The exit code is 1 when any of them fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("names", nargs="*", metavar="NAME", help="only these providers, disabled ones too")
        parser.add_argument("--model", default="", metavar="M", help="ask for this model (default: a mapped one)")
        parser.add_argument(
            "--timeout", type=_seconds, default=CHECK_S, metavar="S", help=f"seconds for a call (default {CHECK_S:g})"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        rows = _rows(options["names"])
        results = check_rows(rows, options["model"], options["timeout"])
        lines = _table(results) or ["no provider is enabled: add one in the admin, or run quickstart"]
        self.report(lines, [asdict(result) for result in results], options["json"])
        failed = [result.provider for result in results if not result.ok]
        if failed:
            raise CommandError(f"{len(failed)} of {len(results)} providers failed: {', '.join(failed)}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"must be seconds, more than 0 and at most 3600, not {text!r}")
    return seconds


def _rows(names: list[str]) -> list[Provider]:
    rows = Provider.objects.prefetch_related("credentials")
    if not names:
        return list(rows.filter(enabled=True))
    found = {row.name: row for row in rows.filter(name__in=names)}
    unknown = [name for name in names if name not in found]
    if unknown:
        there = ", ".join(Provider.objects.values_list("name", flat=True)) or "none yet"
        raise CommandError(f"no provider is called {', '.join(unknown)}; there are: {there}")
    return [found[name] for name in dict.fromkeys(names)]


def _table(results: list[CheckResult]) -> list[str]:
    cells = [_cells(result) for result in results]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for result, row in zip(results, cells, strict=True):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(f"{line}  {len(result.models)} listed" if result.models else line.rstrip())
        lines += [f"    {words}" for words in (result.message, result.hint) if words]
    return lines


def _cells(result: CheckResult) -> tuple[str, ...]:
    status = str(result.status or "-")
    latency = f"{result.latency_ms} ms" if result.latency_ms or result.ok else "-"
    return result.provider, status, result.outcome, latency, result.model or "-"
