"""What each client key was used for, from its hourly sums: one query for all keys of a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.db.models import Max, Sum

from proxy.models import ClientKeyHour


@dataclass(frozen=True, slots=True)
class KeyUse:
    """Requests and cost since a time; `last` is of the last finished request. `cost_unknown` requests have no price."""

    requests: int = 0
    cost_usd: Decimal = Decimal(0)
    cost_unknown: int = 0
    last: datetime | None = None


def of(names: Iterable[str], since: datetime) -> dict[str, KeyUse]:
    """The use of the keys of these names; the hour that `since` falls into counts whole. Raises django.db.Error."""
    hour = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    rows = (
        ClientKeyHour.objects.filter(client_key__in=list(names), hour__gte=hour)
        .values("client_key")
        .annotate(count=Sum("requests"), nanos=Sum("cost_nanos"), unknown=Sum("cost_unknown"), latest=Max("last_at"))
        .order_by()
    )
    return {
        row["client_key"]: KeyUse(row["count"], Decimal(row["nanos"]).scaleb(-9), row["unknown"], row["latest"])
        for row in rows
        if row["count"]
    }


def last_of(names: Iterable[str]) -> dict[str, datetime]:
    """When each key's last request was, whenever that was. Raises django.db.Error."""
    rows = ClientKeyHour.objects.filter(client_key__in=list(names), requests__gt=0).values("client_key")
    return {row["client_key"]: row["latest"] for row in rows.annotate(latest=Max("last_at")).order_by()}
