"""The filters of the request history. Each is served by an index: see the table of indexes in `proxy.models.history`.

Names to choose from come from the configuration: the history itself is never searched for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Literal

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from providers.models import Provider
from proxy.models import ClientKey, LogicalModel, RequestLog
from proxy.models.history import STATUS_CHOICES
from proxy.routing import RouteReason

Rows = QuerySet[RequestLog]
_SPANS = {
    "15m": ("last 15 minutes", timedelta(minutes=15)),
    "1h": ("last hour", timedelta(hours=1)),
    "24h": ("last 24 hours", timedelta(days=1)),
    "7d": ("last 7 days", timedelta(days=7)),
    "30d": ("last 30 days", timedelta(days=30)),
}
_STATUSES = (200, 400, 401, 403, 404, 413, 415, 429, 499, 500, 502, 503, 504, 529)
_MOST_S = 10**6
_MOST_USD = 10**6


class HistoryFilter(admin.SimpleListFilter):
    """One field of the form above the list. What it cannot read it leaves out, as if it were empty."""

    kind: ClassVar[Literal["choice", "number", "moment"]] = "choice"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """What to choose from: value and label."""
        return ()

    def has_output(self) -> bool:
        """Always: a field without anything to choose from must still be taken from the address."""
        return True

    @property
    def shown(self) -> str:
        """The value as it came, for the form."""
        return self.value() or ""

    @property
    def strange(self) -> bool:
        """True for a value that is none of those to choose from: the form must not drop it."""
        return bool(self.shown) and self.shown not in {value for value, _label in self.lookup_choices}


class NamedFilter(HistoryFilter):
    """Rows with one value in one column."""

    field: ClassVar[str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """The names to choose from."""
        return [(name, name) for name in self.names()]

    def names(self) -> Sequence[str]:
        """Names of the configuration."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Rows with the chosen name."""
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class ByOutcome(NamedFilter):
    """Requests that ended one way."""

    title, parameter_name, field = "Outcome", "outcome__exact", "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """All ways to end."""
        return STATUS_CHOICES


class ByFailover(HistoryFilter):
    """Requests that more than one upstream call was made for."""

    title, parameter_name = "Failed over", "failed_over"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """There is nothing to find in those that needed one call."""
        return (("yes", "more than one try"),)

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Rows of more than one attempt."""
        return queryset.filter(attempts__gt=1) if self.value() == "yes" else queryset


class ByStatus(HistoryFilter):
    """Requests that were answered with one HTTP status."""

    title, parameter_name = "HTTP status", "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """The statuses the proxy gives and passes on."""
        return [(str(status), str(status)) for status in _STATUSES]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Rows with the status."""
        value = self.shown
        known = value.isascii() and value.isdecimal() and len(value) == 3
        return queryset.filter(status=int(value)) if known else queryset


class ByRoute(NamedFilter):
    """Requests that came by one route."""

    title, parameter_name, field = "Route", "route", "route"

    def names(self) -> Sequence[str]:
        """All reasons there are."""
        return [reason.value for reason in RouteReason]


class ByProvider(NamedFilter):
    """Requests that a provider served."""

    title, parameter_name, field = "Provider", "provider", "provider"

    def names(self) -> Sequence[str]:
        """All providers."""
        return list(Provider.objects.order_by("name").values_list("name", flat=True))


class ByModel(NamedFilter):
    """Requests that a logical model served."""

    title, parameter_name, field = "Logical model", "logical_model", "logical_model"

    def names(self) -> Sequence[str]:
        """All logical models."""
        return list(LogicalModel.objects.order_by("name").values_list("name", flat=True))


class ByKey(NamedFilter):
    """Requests of one client key."""

    title, parameter_name, field = "Client key", "client_key", "client_key"

    def names(self) -> Sequence[str]:
        """All client keys."""
        return list(ClientKey.objects.order_by("name").values_list("name", flat=True))


class ByTime(HistoryFilter):
    """Requests of the last while."""

    title, parameter_name = "Time", "since"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """The spans to choose from."""
        return [(name, label) for name, (label, _) in _SPANS.items()]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Rows no older than the chosen span."""
        _, span = _SPANS.get(self.shown, ("", None))
        return queryset.filter(time__gte=timezone.now() - span) if span else queryset


class FromTime(HistoryFilter):
    """Requests that began at a moment or later, told in the server's time zone."""

    title, parameter_name, kind = "From", "from", "moment"

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Rows from then on."""
        moment = moment_of(self.shown)
        return queryset.filter(time__gte=moment) if moment else queryset


class ToTime(HistoryFilter):
    """Requests that began before a moment, told in the server's time zone."""

    title, parameter_name, kind = "To", "to", "moment"

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Rows from before then."""
        moment = moment_of(self.shown)
        return queryset.filter(time__lt=moment) if moment else queryset


class BySlowness(HistoryFilter):
    """Requests that took so many seconds or more."""

    title, parameter_name, kind = "Took, s ≥", "slower", "number"

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Rows of that duration or more."""
        seconds = number_of(self.shown, _MOST_S)
        return queryset if seconds is None else queryset.filter(duration_ms__gte=int(seconds * 1000))


class ByCost(HistoryFilter):
    """Requests that cost so many dollars or more."""

    title, parameter_name, kind = "Cost, $ ≥", "cost", "number"

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Rows of that cost or more; those of an unknown cost are not among them."""
        dollars = number_of(self.shown, _MOST_USD)
        return queryset if dollars is None else queryset.filter(cost_usd__gte=dollars)


FILTERS = (
    ByTime, FromTime, ToTime, ByOutcome, ByFailover, ByStatus, ByProvider, ByModel, ByRoute, ByKey, BySlowness, ByCost,
)  # fmt: skip


def moment_of(text: str) -> datetime | None:
    """A moment as a browser's field writes it, in the server's time zone; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not 1971 <= moment.year <= 2200:
        return None
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def number_of(text: str, most: int) -> Decimal | None:
    """A number from 0 to `most`; None for anything else. More than eight decimals are cut off."""
    try:
        number = Decimal(text.strip()[:40])
    except InvalidOperation:
        return None
    if not number.is_finite() or not 0 <= number <= most:
        return None
    return number.quantize(Decimal("1e-8"))
