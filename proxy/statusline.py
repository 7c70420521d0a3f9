"""One line for a client's status bar: who really served the session, what failed before, today's cost, who cools."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from proxy import key_use, stats
from proxy.models import HealthState, RequestLog
from proxy.record import safe_text

MAX_INPUT = 64 * 1024
MAX_NAME = 60
MAX_COOLING = 3


@dataclass(frozen=True, slots=True)
class Status:
    """What the line tells. `provider` is empty while the session has no request."""

    provider: str = ""
    actual_model: str = ""
    outcome: str = ""
    failures: tuple[tuple[str, str], ...] = ()
    """Provider and kind of failure of each call that failed before, in order."""
    cost_today_usd: Decimal = Decimal(0)
    cost_unknown: int = 0
    """Requests of today whose cost is not known."""
    cooling: tuple[tuple[str, int], ...] = ()
    """A target's name, and the seconds until it is asked again."""


def read(session_id: str, client_key: str = "") -> Status:
    """The status of a session. Whoever shows a client key sees that key's requests and cost only; five queries at most.

    Whole hours are summed, in the server's time zone. Raises django.db.Error.
    """
    rows = RequestLog.objects.filter(session_id=session_id[:100], operation="messages").order_by("-id")
    if client_key:
        rows = rows.filter(client_key=client_key)
    last = rows.defer("body").first() if session_id else None
    cost, unknown = _cost_today(client_key)
    if last is None:
        return Status(cost_today_usd=cost, cost_unknown=unknown, cooling=_cooling(timezone.now()))
    failed = last.attempt_rows.exclude(outcome__in=("ok", "open", "")).values_list("provider", "outcome")
    return Status(
        last.provider, last.actual_model, last.outcome, tuple(failed[:20]), cost, unknown, _cooling(timezone.now())
    )


def read_in_thread(session_id: str, client_key: str) -> Status:
    """The same, for a thread that answers one request: it gives its connection back."""
    try:
        return read(session_id, client_key)
    finally:
        if not connection.in_atomic_block:
            connection.close()


def session_in(content: bytes) -> str:
    """The session in what Claude Code writes to its status line's command. Raises ValueError."""
    try:
        sent = json.loads(content[:MAX_INPUT] or b"{}")
    except (ValueError, RecursionError):
        raise ValueError("send the JSON that Claude Code gives its status line, or GET with ?session=ID") from None
    found = sent.get("session_id") if isinstance(sent, dict) else None
    return safe_text(found, 100) if isinstance(found, str) else ""


def told(status: Status) -> str:
    """The line, printable characters only: a model's name may hold anything."""
    parts = [_name(status.provider, status.actual_model) if status.provider else "ccm: no answer yet"]
    if status.outcome not in ("", "ok", "open"):
        parts[0] += f" ({status.outcome})"
    if status.failures:
        words = ", ".join(f"{_plain(provider)} {_plain(kind)}" for provider, kind in status.failures[:MAX_COOLING])
        count = len(status.failures)
        parts.append(f"{count} hop{'' if count == 1 else 's'}: {words}{_more(status.failures)}")
    parts.append(_cost_told(status.cost_today_usd, status.cost_unknown))
    if status.cooling:
        words = ", ".join(f"{_plain(name)} {seconds} s" for name, seconds in status.cooling[:MAX_COOLING])
        parts.append(f"cooling: {words}{_more(status.cooling)}")
    return " · ".join(parts)


def _cost_told(cost: Decimal, unknown: int) -> str:
    if unknown and not cost:
        return "cost today not known"
    return f"{'≥ ' if unknown else ''}${cost:.2f} today"


def _cost_today(client_key: str) -> tuple[Decimal, int]:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    if client_key:
        use = key_use.of([client_key], midnight).get(client_key, key_use.KeyUse())
        return use.cost_usd, use.cost_unknown
    days = [point.totals for point in stats.series(midnight, step="day")]
    return sum((day.cost_usd for day in days), Decimal(0)), sum(day.cost_unknown for day in days)


def _cooling(now: datetime) -> tuple[tuple[str, int], ...]:
    rows = HealthState.objects.filter(until__gt=now).order_by("until")[:20]
    return tuple((str(row), max(int((row.until - now).total_seconds()), 1)) for row in rows)


def _more(items: Sequence[object]) -> str:
    return f" +{len(items) - MAX_COOLING}" if len(items) > MAX_COOLING else ""


def _name(provider: str, model: str) -> str:
    return _plain(f"{provider}/{model}")


def _plain(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text[:MAX_NAME])
