"""What the page of a provider shows of its life in the proxy: health, where it is used, the last day's requests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Avg, Count, F, Q, Sum
from django.utils import timezone

from providers.errors import in_words
from providers.models import Provider
from proxy.health_words import URGENT, Held, cooling_told, drill_told, until_told
from proxy.models import Drill, ModelMapping, RequestLog, RouterSettings, RoutingRule
from proxy.provider_state import lack_of
from proxy.record import OPEN

_ROUTES = {"default": "default route", "background": "background", "think": "thinking", "websearch": "web search"}
DAY = timedelta(hours=24)
MAX_NAMED = 5
"""What cools is named as far as this in a line."""


@dataclass(frozen=True, slots=True)
class HealthLine:
    """One thing that is held against it; `cooling` says until when, `tone` whether it passes by itself (warn, bad)."""

    what: str
    tone: str
    kind: str
    words: str
    streak: int
    cooling: str


@dataclass(frozen=True, slots=True)
class Use:
    """One mapping that leads here. `routes`: what points to its logical model."""

    model_id: int
    model: str
    priority: int
    actual_model: str
    works: bool
    routes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LastDay:
    """The requests of the last 24 hours whose last call went here. Times are means, in milliseconds."""

    total: int
    ok: int
    failed: int
    first_content_ms: int | None
    duration_ms: int | None
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True, slots=True)
class ProviderPanel:
    """All of it. `summary` is its health in a line, `drills` are those that run: number and what is done."""

    summary: str
    drills: tuple[tuple[int, str], ...]
    health: tuple[HealthLine, ...]
    uses: tuple[Use, ...]
    day: LastDay


def panel_of(provider: Provider) -> ProviderPanel:
    """The panel of a stored provider."""
    held = Held()
    rows = held.of(provider.name)
    lines = tuple(
        HealthLine(
            held.subject(row), "bad" if row.kind in URGENT else "warn", in_words(row.kind), row.words, row.streak,
            cooling_told(row),
        )
        for row in rows
    )  # fmt: skip
    running = Drill.running().filter(provider=provider).select_related("client_key")
    drills = tuple((drill.pk, drill_told(drill)) for drill in running)
    return ProviderPanel(_summary(provider, held), drills, lines, uses_of(provider), last_day(provider.name))


def _summary(provider: Provider, held: Held) -> str:
    if not provider.enabled:
        return "Switched off: every mapping skips it."
    if lack := lack_of(provider):
        return f"It {lack} before it can be called."
    rows = held.of(provider.name)
    cooling = [row for row in rows if row.until > timezone.now()]
    if not cooling and rows:
        return "To be tried: nothing of it cools any more, and the next request finds out whether it is well."
    if not cooling:
        return "Healthy: nothing of it is cooling."
    told = ", ".join(f"{held.subject(row)} ({in_words(row.kind)})" for row in cooling[:MAX_NAMED])
    more = f" and {len(cooling) - MAX_NAMED} more" if len(cooling) > MAX_NAMED else ""
    return f"Cooling until {until_told(cooling[0].until)} at the latest: {told}{more}."


def uses_of(provider: Provider) -> tuple[Use, ...]:
    """The mappings that lead to it, by logical model, and the routes that point to these."""
    rows = ModelMapping.objects.filter(provider=provider).select_related("logical_model")
    routes = _routes()
    return tuple(
        Use(
            row.logical_model_id, row.logical_model.name, row.priority, row.actual_model,
            row.enabled and row.logical_model.enabled, tuple(routes.get(row.logical_model_id, ())),
        )
        for row in rows.order_by("logical_model__name", "priority", "pk")
    )  # fmt: skip


def last_day(provider: str) -> LastDay:
    """The sums of the last 24 hours.

    The first id of the day is found by the index of times, its rows by the one of providers and ids: the rest
    of a long history is not read.
    """
    since = timezone.now() - DAY
    first = RequestLog.objects.filter(time__gte=since).order_by("time").values_list("id", flat=True)[:1]
    rows = RequestLog.objects.filter(provider=provider, id__gte=next(iter(first), 0), time__gte=since)
    found = rows.exclude(outcome=OPEN).order_by().aggregate(
        total=Count("id"), ok=Count("id", filter=Q(outcome="ok")), failed=Count("id", filter=Q(outcome="error")),
        first=Avg("first_content_ms"), took=Avg("duration_ms", filter=Q(outcome="ok")),
        read=Sum(F("input_tokens") + F("cache_read_tokens") + F("cache_write_tokens")), wrote=Sum("output_tokens"),
    )  # fmt: skip
    return LastDay(
        found["total"], found["ok"], found["failed"], _whole(found["first"]), _whole(found["took"]),
        found["read"] or 0, found["wrote"] or 0,
    )  # fmt: skip


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


def _routes() -> dict[int, list[str]]:
    """By logical model: the routes and rules that point to it."""
    settings = RouterSettings.load()
    found: dict[int, list[str]] = {}
    pairs: Iterable[tuple[int | None, str]] = (
        *((getattr(settings, f"{name}_id"), words) for name, words in _ROUTES.items()),
        *((rule.logical_model_id, f"rule {rule.name}") for rule in RoutingRule.objects.filter(enabled=True)),
    )
    for model, words in pairs:
        if model is not None:
            found.setdefault(model, []).append(words)
    return found
