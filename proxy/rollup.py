"""Keeping the hourly roll-up: each finished request counts once, however often its row is written.

What a row counts for is a function of the row alone. Who replaces a row takes back what it counted for, in the
same transaction, so the roll-up is at every moment the sum of the rows (and of those that were pruned).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

from django.db import connection, transaction

from proxy.histogram import bucket
from proxy.models import ClientKeyHour, HourlyRollup, RequestLog
from proxy.models.rollup import COLUMNS, FIRST_CONTENT, KEY, SUMS
from proxy.record import OPEN

OutcomeClass = Literal["ok", "failed_over", "failed", "client_gone"]
Key = tuple[datetime, str, str, str, str, str]
KeyHour = tuple[str, datetime]
_KEY_SUMS = ("requests", "cost_nanos", "cost_unknown")

READ = (
    "time", "operation", "client_key", "provider", "logical_model", "actual_model", "route", "outcome", "attempts",
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_usd", "first_content_ms",
    "duration_ms",
)  # fmt: skip
"""The columns of a row that decide what it counts for."""

MAX_TOKENS = 10**12
"""What one request can count for: a vendor's absurd number must not make the sum too large for its column."""
_TURN = 0x63636D726F6C  # any number that is ours alone
_FIRST_CONTENT_AT = len(SUMS)
_DURATION_AT = _FIRST_CONTENT_AT + len(FIRST_CONTENT)
_HOUR = timedelta(hours=1)


class Tally:
    """Changes of the roll-up, added up until `save`."""

    def __init__(self) -> None:
        self._changes: dict[Key, list[int]] = defaultdict(lambda: [0] * len(COLUMNS))
        self._keys: dict[KeyHour, list[int]] = defaultdict(lambda: [0] * len(_KEY_SUMS))
        self._last: dict[KeyHour, datetime] = {}

    def count(self, rows: Iterable[RequestLog], sign: Literal[1, -1] = 1) -> None:
        """Count rows, or with -1 take back what they counted for. What still runs counts for nothing."""
        for row in rows:
            if row.outcome != OPEN and row.operation == "messages":
                self._add(self._changes[_key(row)], row, sign)
                if row.client_key:
                    self._add_key((row.client_key, _hour(row.time)), row, sign)

    @property
    def requests(self) -> int:
        """How many requests it holds."""
        return sum(values[0] for values in self._changes.values())

    def save(self) -> None:
        """Add the changes to the table. Belongs in the transaction that writes the rows. Raises django.db.Error."""
        changes = sorted((key, values) for key, values in self._changes.items() if any(values))
        if not changes:
            return
        adapt = connection.ops.adapt_datetimefield_value
        keys = [
            (name, adapt(hour), *values, adapt(self._last[name, hour]))
            for (name, hour), values in sorted(self._keys.items())
            if any(values)
        ]
        with connection.cursor() as cursor:
            cursor.executemany(_upsert(), [(adapt(hour), *names, *values) for (hour, *names), values in changes])
            if keys:
                cursor.executemany(_upsert_keys(), keys)

    def _add_key(self, of: KeyHour, row: RequestLog, sign: int) -> None:
        nanos, unknown = _cost(row)
        for number, value in enumerate((1, nanos, unknown)):
            self._keys[of][number] += sign * value
        # A row that is taken back comes again, with the time it began.
        self._last[of] = max(self._last.get(of, row.time), row.time)

    @staticmethod
    def _add(values: list[int], row: RequestLog, sign: int) -> None:
        first, tokens = row.first_content_ms, _tokens(row)
        nanos, unknown = _cost(row)
        sums = (1, max(row.attempts - 1, 0), *tokens, nanos, unknown, first or 0, row.duration_ms)
        for number, value in enumerate(sums):
            values[number] += sign * value
        if first is not None:
            values[_FIRST_CONTENT_AT + bucket(first)] += sign
        values[_DURATION_AT + bucket(row.duration_ms)] += sign


def _tokens(row: RequestLog) -> list[int]:
    counts = (row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cache_write_tokens)
    return [min(count, MAX_TOKENS) for count in counts]


def _cost(row: RequestLog) -> tuple[int, bool]:
    """The cost in billionths of a dollar, and whether it is one that nobody knows."""
    cost = row.cost_usd
    unknown = cost is None and (row.first_content_ms is not None or any(_tokens(row)))
    return 0 if cost is None else int(cost * 10**9), unknown


def outcome_class(outcome: str, attempts: int) -> OutcomeClass:
    """How a request ended, coarsely: lost, interrupted and refused ones have failed."""
    if outcome == "ok":
        return "ok" if attempts <= 1 else "failed_over"
    return "client_gone" if outcome == "client_gone" else "failed"


def take_turn(*, alone: bool) -> None:
    """Within a transaction: nobody replaces rows while others write, so that what a row counted for is known.

    `alone` for who may replace rows. SQLite has one writer anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_advisory_xact_lock{'' if alone else '_shared'}(%s)", [_TURN])


def rebuild(*, dry_run: bool = False) -> int:
    """Count the history anew, hour by hour, each in a transaction of its own; returns how many hours were counted.

    Hours without any row left stay as they are, and so does the first one if a part of its rows was pruned.
    """
    first = hour = _next_hour(datetime.min.replace(tzinfo=UTC))
    count = 0
    while hour is not None:
        count += _rebuild_hour(hour, first=hour == first, dry_run=dry_run)
        hour = _next_hour(hour + _HOUR)
    return count


def _next_hour(start: datetime) -> datetime | None:
    """The first hour from `start` on that has any row."""
    found = RequestLog.objects.filter(time__gte=start).order_by("time").values_list("time", flat=True).first()
    return None if found is None else _hour(found)


def _rebuild_hour(hour: datetime, *, first: bool, dry_run: bool) -> bool:
    with transaction.atomic():
        take_turn(alone=True)
        rows = RequestLog.objects.filter(time__gte=hour, time__lt=hour + _HOUR)
        tally = Tally()
        tally.count(rows.order_by().only(*READ).iterator(chunk_size=2000))
        old = HourlyRollup.objects.filter(hour=hour)
        if first and sum(old.values_list("requests", flat=True)) > tally.requests:
            return False
        found = tally.requests > 0 or old.exists()
        if not dry_run:
            old.delete()
            ClientKeyHour.objects.filter(hour=hour).delete()
            tally.save()
        return found


def _key(row: RequestLog) -> Key:
    ended = outcome_class(row.outcome, row.attempts)
    return _hour(row.time), row.provider, row.logical_model, row.actual_model, row.route, ended


def _hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _upsert() -> str:
    table = HourlyRollup._meta.db_table
    columns = (*KEY, *COLUMNS)
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in COLUMNS)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) "  # noqa: S608
        f"ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {added}"
    )


def _upsert_keys() -> str:
    table = ClientKeyHour._meta.db_table
    columns = ("client_key", "hour", *_KEY_SUMS, "last_at")
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in _KEY_SUMS)
    later = "GREATEST" if connection.vendor == "postgresql" else "MAX"
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) "  # noqa: S608
        f"ON CONFLICT (client_key, hour) DO UPDATE SET {added}, last_at = {later}({table}.last_at, excluded.last_at)"
    )
