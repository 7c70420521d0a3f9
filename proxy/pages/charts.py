"""The dashboard's charts and the table that says the same: what the script draws is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from proxy.figures import compact, money, seconds
from proxy.stats import Overview, Point, Step

Unit = Literal["count", "usd", "ms"]
MOST_PROVIDERS = 6
"""Providers with a colour of their own; the others share one."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one layer of the stack. `colour`: the name of a CSS variable, without its dashes."""

    name: str
    colour: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart over the points of the span; `summary` says in a sentence what is seen."""

    id: str
    title: str
    kind: Literal["bars", "lines"]
    unit: Unit
    series: tuple[Series, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class Table:
    """The figures of all charts, point by point."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Charts:
    """All charts of a span, and their table."""

    labels: tuple[str, ...]
    charts: tuple[Chart, ...]
    table: Table

    def data(self) -> dict[str, Any]:
        """What the script is given, as JSON takes it."""
        return {"labels": self.labels, "charts": [asdict(chart) for chart in self.charts]}


def charts_of(seen: Overview, step: Step) -> Charts:
    """The charts of a span whose points are hours or days."""
    labels = labels_of([point.start for point in seen.points], step)
    spent = _spenders(seen)
    charts = (_requests(seen, step), _tokens(seen), _cost(seen, spent), _latency(seen))
    return Charts(labels, charts, _table(seen.points, labels, spent))


def labels_of(starts: Sequence[datetime], step: Step) -> tuple[str, ...]:
    """What stands below each point; hours of several days say their day."""
    if step == "day":
        return tuple(start.strftime("%d %b") for start in starts)
    form = "%H:%M" if len(starts) <= 25 else "%d %b %H:%M"
    return tuple(start.strftime(form) for start in starts)


def _requests(seen: Overview, step: Step) -> Chart:
    points, all_of_it = seen.points, seen.totals
    layers = (("ok", "ok"), ("failed_over", "failed over"), ("failed", "failed"), ("client_gone", "client left"))
    series = tuple(
        Series(name, f"chart-{field.replace('_', '-')}", tuple(getattr(point.totals, field) for point in points))
        for field, name in layers
        # Nobody needs a legend of what never happened; how well it went is always told.
        if getattr(all_of_it, field) or field != "client_gone"
    )
    words = ", ".join(f"{getattr(all_of_it, field):,} {name}" for field, name in layers)
    return Chart(
        "requests", f"Requests per {step}", "bars", "count", series, f"{all_of_it.requests:,} in all: {words}."
    )


def _tokens(seen: Overview) -> Chart:
    layers = (
        ("cache_read_tokens", "in, read from the cache", "chart-3"),
        ("cache_write_tokens", "in, written to the cache", "chart-4"),
        ("input_tokens", "in, not cached", "chart-1"), ("output_tokens", "out", "chart-2"),
    )  # fmt: skip
    series = tuple(
        Series(name, colour, tuple(getattr(point.totals, field) for point in seen.points))
        for field, name, colour in layers
    )
    words = ", ".join(f"{compact(getattr(seen.totals, field))} {name}" for field, name, _ in layers)
    return Chart("tokens", "Tokens", "bars", "count", series, f"{words}.")


def _spenders(seen: Overview) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """Providers and what they cost at each point, the dearest first, the cheapest together."""
    costs = {
        name: tuple(float(point.totals.cost_usd) for point in points) for name, points in seen.providers.items() if name
    }
    ranked = sorted(((name, values) for name, values in costs.items() if sum(values)), key=lambda one: -sum(one[1]))
    own, others = ranked[:MOST_PROVIDERS], ranked[MOST_PROVIDERS:]
    if others:
        own.append((f"{len(others)} others", tuple(map(sum, zip(*(values for _, values in others), strict=True)))))
    return tuple(own)


def _cost(seen: Overview, spent: tuple[tuple[str, tuple[float, ...]], ...]) -> Chart:
    series = tuple(Series(name, f"chart-{number}", values) for number, (name, values) in enumerate(spent, start=1))
    words = f"In all: {money(seen.totals.cost_usd, seen.totals.cost_unknown)}."
    return Chart("cost", "Cost by provider", "bars", "usd", series, words)


def _latency(seen: Overview) -> Chart:
    found = seen.totals.first_content
    series = (
        Series("p50", "chart-1", tuple(point.totals.first_content.p50_ms for point in seen.points)),
        Series("p95", "chart-failed-over", tuple(point.totals.first_content.p95_ms for point in seen.points)),
    )
    words = f"Half of the answers began within {seconds(found.p50_ms)}, 95 % within {seconds(found.p95_ms)}."
    return Chart("latency", "Time to first content", "lines", "ms", series, words)


def _table(
    points: Sequence[Point], labels: Sequence[str], spent: tuple[tuple[str, tuple[float, ...]], ...]
) -> Table:  # fmt: skip
    columns = (
        "Time", "OK", "Failed over", "Failed", "Client left", "Tokens in", "From cache", "Tokens out", "Cost",
        *(f"{name} $" for name, _ in spent), "First content p50", "p95",
    )  # fmt: skip
    return Table(columns, tuple(_row(*one, spent) for one in enumerate(zip(points, labels, strict=True))))


def _row(
    number: int, point_and_label: tuple[Point, str], spent: tuple[tuple[str, tuple[float, ...]], ...]
) -> tuple[str, ...]:
    point, label = point_and_label
    of = point.totals
    tokens_in = of.input_tokens + of.cache_read_tokens + of.cache_write_tokens
    counts = (of.ok, of.failed_over, of.failed, of.client_gone, tokens_in, of.cache_read_tokens, of.output_tokens)
    costs = (f"{values[number]:.4f}" for _, values in spent)
    times = (of.first_content.p50_ms, of.first_content.p95_ms)
    return (
        label, *(f"{count:,}" for count in counts), money(of.cost_usd, of.cost_unknown), *costs, *map(seconds, times)
    )  # fmt: skip
