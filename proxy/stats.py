"""What the service has done, read from the hourly roll-up: totals, series, groups, percentiles. Whole hours only.

Every function takes `since` and `until` (aware datetimes; the hour that `since` falls into counts whole, `until` ends
the span, None: now) and `only`, names that must fit: {"provider": "main"}. Each is one query. Raises django.db.Error,
and ValueError for a dimension that there is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from django.db.models import QuerySet, Sum
from django.utils import timezone

from proxy.histogram import percentile
from proxy.models import HourlyRollup
from proxy.models.rollup import DIMENSIONS, DURATION, FIRST_CONTENT, SUMS

Dimension = Literal["provider", "logical_model", "actual_model", "route"]
Step = Literal["hour", "day"]

_SERVED = ("ok", "failed_over")
_TIMES = len(SUMS)
_DURATIONS = _TIMES + len(FIRST_CONTENT)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Latency:
    """Times in milliseconds of requests that were answered; None where there are none, or they were not asked for."""

    count: int = 0
    mean_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over some requests. `cost_usd` is without the requests of unknown cost, which `cost_unknown` counts.

    `ok` needed one call, `failed_over` more and was answered too; `failovers`: calls beyond each request's first.
    """

    requests: int = 0
    ok: int = 0
    failed_over: int = 0
    failed: int = 0
    client_gone: int = 0
    failovers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    cost_unknown: int = 0
    first_content: Latency = Latency()
    duration: Latency = Latency()


@dataclass(frozen=True, slots=True)
class Point:
    """The totals of one hour or day, which begins at `start`, in the time zone asked for."""

    start: datetime
    totals: Totals


@dataclass(frozen=True, slots=True)
class Group:
    """The totals of all requests that have a name in common; the name is empty for those that got none."""

    name: str
    totals: Totals


@dataclass(frozen=True, slots=True)
class Overview:
    """A span at a glance: all of it, its points in order, the same by provider, and by actual model.

    All and the points have the times to first content; there are no durations.
    """

    totals: Totals
    points: list[Point]
    providers: dict[str, list[Point]]
    models: list[Group]


Row = Sequence[int]
Sums = dict[str, Row]
"""Column sums by outcome class."""


def totals(since: datetime, until: datetime | None = None, only: Mapping[str, str] | None = None) -> Totals:
    """Everything in one, percentiles included."""
    return _totals(_read(since, until, only, (), latency=True).get((), {}))


def series(
    since: datetime, until: datetime | None = None, only: Mapping[str, str] | None = None, *,
    step: Step = "hour", latency: bool = False,
) -> list[Point]:  # fmt: skip
    """One point for each hour or day, empty ones too, in order; days are those of the current time zone."""
    until = until or timezone.now()
    found = _read(since, until, only, ("hour",), latency)
    merged: dict[datetime, list[Sums]] = {}
    for hour in _hours(since, until):
        sums = found.get((hour,))
        merged.setdefault(_start(hour, step), []).extend([sums] if sums else [])
    return [Point(start, _totals(_merged(parts))) for start, parts in merged.items()]


def grouped(
    by: Dimension, since: datetime, until: datetime | None = None, only: Mapping[str, str] | None = None
) -> list[Group]:
    """One group for each name of the dimension, the one with the most requests first; percentiles included."""
    found = _read(since, until, only, (by,), latency=True)
    groups = [Group(name, _totals(sums)) for (name,), sums in found.items()]
    return sorted(
        (group for group in groups if group.totals.requests), key=lambda group: (-group.totals.requests, group.name)
    )


def grouped_series(
    by: Dimension, since: datetime, until: datetime | None = None, only: Mapping[str, str] | None = None, *,
    step: Step = "hour",
) -> dict[str, list[Point]]:  # fmt: skip
    """A series for each name of the dimension, for stacked charts: all of one length, without percentiles."""
    until = until or timezone.now()
    found = _read(since, until, only, ("hour", by), latency=False)
    starts = list(dict.fromkeys(_start(hour, step) for hour in _hours(since, until)))
    parts: dict[str, dict[datetime, list[Sums]]] = defaultdict(lambda: defaultdict(list))
    for (hour, name), sums in found.items():
        parts[name][_start(hour, step)].append(sums)
    return {
        name: [Point(start, _totals(_merged(at.get(start, [])))) for start in starts]
        for name, at in sorted(parts.items())
    }


def overview(since: datetime, until: datetime | None = None, *, step: Step = "hour") -> Overview:
    """What a dashboard shows. Two queries, and cheaper than the functions above one by one."""
    until = until or timezone.now()
    starts = {hour: _start(hour, step) for hour in _hours(since, until)}
    everything: list[Sums] = []
    at: dict[datetime, list[Sums]] = {start: [] for start in starts.values()}
    providers: dict[str, dict[datetime, list[Sums]]] = defaultdict(lambda: defaultdict(list))
    models: dict[str, list[Sums]] = defaultdict(list)
    for (hour, provider, model), sums in _read(since, until, None, ("hour", "provider", "actual_model"), False).items():
        everything.append(sums)
        at[starts[hour]].append(sums)
        providers[provider][starts[hour]].append(sums)
        models[model].append(sums)
    times = _first_contents(since, until, starts)
    groups = [Group(name, _totals(_merged(parts))) for name, parts in models.items()]
    return Overview(
        replace(_totals(_merged(everything)), first_content=_first_content(_added(times.values()))),
        [
            Point(start, replace(_totals(_merged(parts)), first_content=_first_content(times.get(start))))
            for start, parts in at.items()
        ],
        {
            name: [Point(start, _totals(_merged(found.get(start, [])))) for start in at]
            for name, found in sorted(providers.items())
        },
        sorted(groups, key=lambda group: (-group.totals.requests, group.name)),
    )


def _first_contents(since: datetime, until: datetime, starts: Mapping[datetime, datetime]) -> dict[datetime, Row]:
    """By point: the sum of the times, and the counts of the buckets."""
    columns = ("first_content_ms", *FIRST_CONTENT)
    rows = (
        _chosen(since, until, {})
        .filter(outcome__in=_SERVED)
        .values("hour")
        .annotate(**{f"sum_{column}": Sum(column) for column in columns})
        .order_by()
        .values_list("hour", *(f"sum_{column}" for column in columns))
    )
    found: dict[datetime, list[Row]] = defaultdict(list)
    for hour, *sums in rows.iterator():
        found[starts[hour]].append(sums)
    return {start: _added(parts) or () for start, parts in found.items()}


def _first_content(row: Row | None) -> Latency:
    counts = row[1:] if row else ()
    count = sum(counts)
    if row is None or count <= 0:
        return Latency()
    return Latency(count, row[0] / count, percentile(counts, 0.5), percentile(counts, 0.95))


def _read(
    since: datetime, until: datetime | None, only: Mapping[str, str] | None, by: tuple[str, ...], latency: bool
) -> dict[tuple[Any, ...], Sums]:
    columns = (*SUMS, *FIRST_CONTENT, *DURATION) if latency else SUMS
    rows = (
        _chosen(since, until, only or {})
        .values(*by, "outcome")
        .annotate(**{f"sum_{column}": Sum(column) for column in columns})
        .order_by()
        .values_list(*by, "outcome", *(f"sum_{column}" for column in columns))
    )
    found: dict[tuple[Any, ...], Sums] = defaultdict(dict)
    for row in rows.iterator():
        found[row[: len(by)]][row[len(by)]] = row[len(by) + 1 :]
    return found


def _chosen(since: datetime, until: datetime | None, only: Mapping[str, str]) -> QuerySet[HourlyRollup]:
    if unknown := set(only) - set(DIMENSIONS):
        raise ValueError(f"statistics can be asked for by {', '.join(DIMENSIONS)}, not by {', '.join(sorted(unknown))}")
    return HourlyRollup.objects.filter(hour__gte=_floor(since), hour__lt=until or timezone.now(), **only)


def _totals(sums: Sums) -> Totals:
    both = _added(sums.values())
    if both is None:
        return Totals()
    of = dict(zip(SUMS, both, strict=False))
    answered = _added(sums[name] for name in _SERVED if name in sums)
    return Totals(
        requests=of["requests"],
        **{name: sums[name][0] if name in sums else 0 for name in ("ok", "failed_over", "failed", "client_gone")},
        failovers=of["failovers"],
        input_tokens=of["input_tokens"],
        output_tokens=of["output_tokens"],
        cache_read_tokens=of["cache_read_tokens"],
        cache_write_tokens=of["cache_write_tokens"],
        cost_usd=Decimal(of["cost_nanos"]).scaleb(-9),
        cost_unknown=of["cost_unknown"],
        first_content=_latency(answered, "first_content_ms", slice(_TIMES, _DURATIONS)),
        duration=_latency(answered, "duration_ms", slice(_DURATIONS, None)),
    )


def _latency(row: Row | None, total: str, place: slice) -> Latency:
    counts = row[place] if row is not None else ()
    count = sum(counts)
    if row is None or count <= 0:
        return Latency()
    return Latency(count, row[SUMS.index(total)] / count, percentile(counts, 0.5), percentile(counts, 0.95))


def _added(rows: Iterable[Row]) -> Row | None:
    found = list(rows)
    return [sum(column) for column in zip(*found, strict=True)] if found else None


def _merged(parts: Sequence[Sums]) -> Sums:
    if len(parts) == 1:
        return parts[0]
    by_outcome: dict[str, list[Row]] = defaultdict(list)
    for sums in parts:
        for outcome, row in sums.items():
            by_outcome[outcome].append(row)
    return {outcome: _added(rows) or () for outcome, rows in by_outcome.items()}


def _floor(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _hours(since: datetime, until: datetime) -> Iterator[datetime]:
    hour = _floor(since)
    while hour < until:
        yield hour
        hour += _HOUR


def _start(hour: datetime, step: Step) -> datetime:
    """The beginning of the hour or day, in the current time zone."""
    local = timezone.localtime(hour)
    return local.replace(hour=0, minute=0) if step == "day" else local
