"""What the list of providers says of each at a glance: whether it works, and what it failed with last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from providers.errors import FailureKind
from providers.models import Provider
from proxy.models import HealthState
from proxy.setup.lack import lack_of


@dataclass(frozen=True, slots=True)
class ProviderState:
    """A word for the badge's colour (ok, off, warn, bad) and what stands in it."""

    tone: str
    words: str


def with_health(providers: QuerySet[Provider]) -> QuerySet[Provider]:
    """The providers with what `state_of` and `last_error_of` look at: no further query for each."""
    held = HealthState.objects.filter(provider=OuterRef("name"))
    newest = held.order_by("-failed_at", "-pk")
    refused = held.filter(kind=FailureKind.REFUSED_KEY.value)
    return providers.prefetch_related("credentials__oauth").annotate(
        cooling_until=Subquery(held.order_by("-until").values("until")[:1]),
        refused_until=Subquery(refused.order_by("-until").values("until")[:1]),
        failed_kind=Subquery(newest.values("kind")[:1]),
        failed_words=Subquery(newest.values("words")[:1]),
    )


def state_of(row: Provider, cooling_until: datetime | None, refused_until: datetime | None) -> ProviderState:
    """The state of one provider; what somebody has to do something about comes before what passes by itself."""
    now = timezone.now()
    if not row.enabled:
        return ProviderState("off", "off")
    if row.preset_row is None:
        return ProviderState("bad", "unknown preset")
    if lack := lack_of(row):
        return ProviderState("bad", lack)
    if refused_until is not None and refused_until > now:
        return ProviderState("bad", "key refused")
    if cooling_until is not None and cooling_until > now:
        until = timezone.localtime(cooling_until)
        same_day = until.date() == timezone.localtime(now).date()
        return ProviderState("warn", f"cooling until {until:%H:%M:%S}" if same_day else f"cooling until {until:%d %b}")
    return ProviderState("ok", "ok")


def last_error_of(kind: str | None, words: str | None) -> str:
    """The last failure that is remembered, short; empty when all is forgiven."""
    if not kind:
        return ""
    told = f"{kind.replace('_', ' ')}: {words}" if words else kind.replace("_", " ")
    return told if len(told) <= 80 else f"{told[:79]}…"
