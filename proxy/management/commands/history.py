"""manage.py history: the request history, newest first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Q, QuerySet
from django.utils import timezone

from proxy.management.reporting import ReportingCommand
from proxy.models import AttemptLog, RequestLog
from proxy.models.history import STATUS_CHOICES

_SPAN = re.compile(r"^(\d{1,6})([smhdw])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_OUTCOMES = tuple(name for name, _label in STATUS_CHOICES)
_COLUMNS = (
    "time", "request_id", "session_id", "agent_id", "client_key", "inbound_format", "operation", "requested_model",
    "logical_model", "provider", "actual_model", "route", "why", "stream", "status", "outcome", "attempts",
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_usd", "first_content_ms",
    "duration_ms", "stop_reason", "error",
)  # fmt: skip
_CALL_COLUMNS = (
    "number", "provider", "actual_model", "key", "outcome", "status", "message", "upstream_request_id", "started_ms",
    "first_content_ms", "duration_ms",
)  # fmt: skip
_AT_ONCE = 500
_MOST = 1_000_000


class Command(ReportingCommand):
    help = "Shows the request history, newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--since", metavar="AGE", help="30m, 1h, 2d, 1w, or a date such as 2030-01-31")
        parser.add_argument("--status", help=f"{', '.join(_OUTCOMES)}, or an HTTP status such as 429")
        parser.add_argument("--model", help="requested, logical or actual model")
        parser.add_argument("--provider")
        parser.add_argument("--route", help="the reason, such as think, background or default")
        parser.add_argument("--limit", type=int, default=50, metavar="N", help="rows at most (default 50)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["limit"] <= _MOST:
            raise CommandError(f"--limit must be between 1 and {_MOST}")
        rows = _filtered(options)[: options["limit"]]
        content = [dict(row) for row in rows.values("pk", *_COLUMNS)]
        calls = _calls([row["pk"] for row in content])
        for row in content:
            row["attempt_rows"] = calls.get(row.pop("pk"), [])
        lines = [_line(row) for row in content] or ["no requests"]
        self.report(lines, content, options["json"])


def _calls(requests: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """The upstream calls of these requests, in order."""
    found: dict[int, list[dict[str, Any]]] = {}
    for at in range(0, len(requests), _AT_ONCE):
        rows = AttemptLog.objects.filter(request__in=requests[at : at + _AT_ONCE]).order_by("request", "number")
        for row in rows.values("request", *_CALL_COLUMNS):
            found.setdefault(row.pop("request"), []).append({**row, "key": row["key"] or ""})
    return found


def _filtered(options: dict[str, Any]) -> QuerySet[RequestLog]:
    rows = RequestLog.objects.order_by("-time", "-id")
    if options["since"]:
        rows = rows.filter(time__gte=_moment(options["since"]))
    if status := options["status"]:
        if status in _OUTCOMES:
            rows = rows.filter(outcome=status)
        elif re.fullmatch(r"\d{3}", status):
            rows = rows.filter(status=int(status))
        else:
            raise CommandError(f"--status must be one of {', '.join(_OUTCOMES)}, or an HTTP status")
    if name := options["model"]:
        rows = rows.filter(Q(requested_model=name) | Q(logical_model=name) | Q(actual_model=name))
    for field in ("provider", "route"):
        if options[field]:
            rows = rows.filter(**{field: options[field]})
    return rows


def _moment(text: str) -> datetime:
    span = _SPAN.match(text)
    try:
        if span:
            return timezone.now() - timedelta(**{_UNITS[span[2]]: int(span[1])})
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise CommandError(f"--since must be an age such as 30m, 1h or 2d, or a date, not {text!r}") from error


def _line(row: dict[str, Any]) -> str:
    served = f"{row['provider']}/{row['actual_model']}" if row["provider"] else "-"
    first = f", first content {row['first_content_ms']} ms" if row["first_content_ms"] is not None else ""
    cost = f" ${row['cost_usd']:.4f}" if row["cost_usd"] is not None else ""
    head = f"{row['time']:%Y-%m-%d %H:%M:%S} {row['status']:>3} {row['outcome']:<11} {row['requested_model'] or '-'}"
    tail = f" → {served} [{row['route'] or '-'}] {row['input_tokens']} in, {row['output_tokens']} out{cost}"
    error = f"\n    {row['error']}" if row["error"] else ""
    return f"{head}{tail}, {row['attempts']} att., {row['duration_ms']} ms{first}{error}"
