"""The dashboard, the admin's first page: how it goes, what it costs, who fails, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from proxy import presence, stats
from proxy.attention import Attention, needing_attention
from proxy.figures import NONE, compact, money, seconds, share
from proxy.health_words import Held
from proxy.logbook import LOGBOOK
from proxy.models import RequestLog
from proxy.pages.charts import Charts, charts_of
from proxy.pages.steps import steps
from proxy.pages.strips import Strip, parted, strips
from proxy.record import LOST
from proxy.stats import Group, Overview, Totals

FAILED = ("error", "interrupted", LOST)
BAD_ONE_IN = 20
"""More failed requests than one in so many are shown in red."""
LAST_ERRORS = 10
TOP_MODELS = 6
"""So many with the most requests, and so many of the dearest."""


@dataclass(frozen=True, slots=True)
class Span:
    """A range that can be chosen: its name in the address, its words, how far back it goes, and its points."""

    name: str
    label: str
    words: str
    step: stats.Step
    points: int

    def since(self, now: datetime) -> datetime:
        """The beginning of its first point; the last is the hour or day that runs."""
        local = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
        if self.step == "day":
            return local.replace(hour=0) - timedelta(days=self.points - 1)
        return now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=self.points - 1)


SPANS = (
    Span("24h", "24 h", "24 hours", "hour", 24),
    Span("7d", "7 d", "7 days", "hour", 168),
    Span("30d", "30 d", "30 days", "day", 30),
)


@dataclass(frozen=True, slots=True)
class Card:
    """One figure, what it is made of, and where more of it is. `tone`: "bad" where somebody has to act."""

    title: str
    value: str
    detail: str
    url: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """A line of the top models; `percent` of the most requests and of the highest cost are the bars."""

    name: str
    requests: str
    failed: str
    tokens: str
    cost: str
    requests_percent: int
    cost_percent: int


@dataclass(frozen=True, slots=True)
class LastError:
    """A request that failed; `url` is its page."""

    time: datetime
    url: str
    outcome: str
    status: int
    model: str
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything that the page shows. `charts` is None when there was no request in the span."""

    span: Span
    cards: tuple[Card, ...]
    charts: Charts | None
    strips: tuple[Strip, ...]
    quiet: tuple[Strip, ...]
    models: tuple[Model, ...]
    errors: tuple[LastError, ...]
    concerns: tuple[Attention, ...]
    zone: str
    spans: tuple[Span, ...] = SPANS


def index(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of the admin's first page: the dashboard, or the steps before it; neither for who may see none."""
    context["title"] = "Dashboard"
    if not request.user.has_perm("proxy.view_requestlog"):
        return context
    if left := steps(request.build_absolute_uri("/").rstrip("/"), request.user.has_perm):
        return context | {"steps": left}
    return context | {"dashboard": dashboard(request.GET.get("range", ""))}


def dashboard(range_name: str, now: datetime | None = None) -> Dashboard:
    """The dashboard over one of the spans, the first if the name is none of theirs. Raises django.db.Error."""
    now = now or timezone.now()
    span = next((one for one in SPANS if one.name == range_name), SPANS[0])
    seen = stats.overview(span.since(now), now, step=span.step)
    held = Held()
    worries = tuple(needing_attention(held))
    return Dashboard(
        span,
        cards(span, seen.totals, worries, *streams()),
        charts_of(seen, span.step) if seen.totals.requests else None,
        *parted(strips(now, held)),
        top_models(seen),
        last_errors(),
        worries,
        timezone.get_current_timezone_name(),
    )


def streams() -> tuple[int, int]:
    """How many streams run as far as this process knows, and how many server processes there are."""
    here = sum(record.stream for record in LOGBOOK.running)
    return here + presence.streams_elsewhere(LOGBOOK.instance), presence.living()


def cards(span: Span, of: Totals, worries: tuple[Attention, ...], running: int, processes: int) -> tuple[Card, ...]:
    """The figures of a span at a glance, each with the way to the requests it counts."""
    streaming = f"{processes} processes; of others, those over 5 s" if processes > 1 else "at this moment"
    return (
        *_traffic(span, of),
        *_consumption(span, of),
        Card("Active streams", f"{running:,}", streaming, reverse("pages:live")),
        _credentials(worries),
    )


def _traffic(span: Span, of: Totals) -> tuple[Card, ...]:
    over = f"{compact(of.failed_over)} failed over ({share(of.failed_over, of.requests)})"
    wrong = f"{compact(of.failed)} failed, {compact(of.client_gone)} left by the client"
    first = of.first_content
    return (
        Card("Requests", compact(of.requests), over, _history(span)),
        Card(
            "Error rate", share(of.failed, of.requests), wrong, _history(span, outcome__exact="error"),
            "bad" if of.failed * BAD_ONE_IN > of.requests else "",
        ),
        Card(
            "Median time to first content", seconds(first.p50_ms), f"95 % within {seconds(first.p95_ms)}",
            _history(span, outcome__exact="ok"),
        ),
    )  # fmt: skip


def _consumption(span: Span, of: Totals) -> tuple[Card, ...]:
    tokens_in = of.input_tokens + of.cache_read_tokens + of.cache_write_tokens
    tokens = f"{compact(tokens_in)} / {compact(of.output_tokens)}"
    cached = f"{compact(of.cache_read_tokens)} of the tokens in"
    cost = money(of.cost_usd, of.cost_unknown) if of.requests else NONE
    spent = f"{of.cost_unknown:,} without a price" if of.cost_unknown else "all prices are known"
    return (
        Card("Tokens in / out", tokens, "in: cache included", _history(span)),
        Card("Read from the cache", share(of.cache_read_tokens, tokens_in), cached, _history(span)),
        Card("Cost", cost, spent, reverse("admin:proxy_modelprice_changelist") if of.cost_unknown else _history(span)),
    )


def _credentials(worries: tuple[Attention, ...]) -> Card:
    if not worries:
        return Card("Credentials", "fine", "none needs attention", reverse("admin:providers_provider_changelist"))
    first = worries[0]
    url = reverse("admin:providers_provider_change", args=[first.provider_id])
    return Card("Credentials", f"{len(worries)} to see to", f"{first.provider}: {first.words}", url, "bad")


def top_models(seen: Overview) -> tuple[Model, ...]:
    """The actual models with the most requests and those that cost most, by requests."""
    named = [group for group in seen.models if group.name]
    dearest = sorted((group for group in named if group.totals.cost_usd), key=lambda group: -group.totals.cost_usd)
    chosen = {group.name for group in (*named[:TOP_MODELS], *dearest[:TOP_MODELS])}
    most = max((group.totals.requests for group in named), default=0)
    highest = max((group.totals.cost_usd for group in named), default=0)
    return tuple(_model(group, most, float(highest)) for group in named if group.name in chosen)


def _model(group: Group, most: int, highest: float) -> Model:
    of = group.totals
    tokens_in = of.input_tokens + of.cache_read_tokens + of.cache_write_tokens
    return Model(
        group.name,
        f"{of.requests:,}",
        share(of.failed, of.requests),
        f"{compact(tokens_in)} / {compact(of.output_tokens)}",
        money(of.cost_usd, of.cost_unknown),
        round(100 * of.requests / most) if most else 0,
        round(100 * float(of.cost_usd) / highest) if highest else 0,
    )


def last_errors() -> tuple[LastError, ...]:
    """The requests that failed last, the newest first, whenever that was."""
    rows = [
        # One query for each outcome: so each is the end of an index, however long the history.
        row
        for outcome in FAILED
        for row in RequestLog.objects.filter(outcome=outcome).defer("body").order_by("-id")[:LAST_ERRORS]
    ]
    rows.sort(key=lambda row: -row.pk)
    return tuple(_error(row) for row in rows[:LAST_ERRORS])


def _error(row: RequestLog) -> LastError:
    return LastError(
        row.time,
        reverse("admin:proxy_requestlog_change", args=[row.pk]),
        row.get_outcome_display(),
        row.status,
        row.requested_model or NONE,
        f"{row.provider}/{row.actual_model}" if row.provider else NONE,
        row.error[:300],
    )


def _history(span: Span, **only: str) -> str:
    return f"{reverse('admin:proxy_requestlog_changelist')}?{urlencode({'since': span.name, **only})}"
