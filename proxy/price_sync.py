"""Bringing the price rows up to date: what people edited stays, and keeps what the sync says beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from providers.models import Provider
from providers.presets import PRESETS, PRICE_LISTS
from proxy import price_source
from proxy.models import ConfigRevision, ModelPrice
from proxy.models.price import EDITED, PRICES, SYNCED
from proxy.price_source import Told

_WRITTEN = (*PRICES, "source", "synced", "updated_at")
BATCH = 500


@dataclass(frozen=True, slots=True)
class Synced:
    """How many rows a sync added, changed, deleted and found as they were; `edited` of them people keep."""

    added: int
    changed: int
    deleted: int
    same: int
    edited: int


def sync(*, dry_run: bool = False) -> Synced:
    """Write today's prices of all vendors, in one transaction. Raises price_source.SourceMissing."""
    now = timezone.now()
    lists = price_source.lists(PRICE_LISTS.values(), now)
    told = {preset: lists.get(name, []) for preset, name in PRICE_LISTS.items() if preset in PRESETS}
    with transaction.atomic():
        return _write(told, now, dry_run)


def seed() -> int:
    """Fill an empty table, if there is a provider to price and the package is there; returns the number of new rows."""
    if ModelPrice.objects.exists() or not Provider.objects.filter(preset__in=PRICE_LISTS).exists():
        return 0
    try:
        return sync().added
    except price_source.SourceMissing:
        return 0


def _write(told: Mapping[str, Sequence[Told]], now: datetime, dry_run: bool) -> Synced:
    rows = {
        (row.preset, row.model, row.from_tokens): row
        for row in ModelPrice.objects.filter(provider=None).select_for_update(of=("self",))
    }
    added, changed, seen = [], [], set()
    for preset, told_rows in told.items():
        for one in told_rows:
            key = (preset, one.model, one.from_tokens)
            seen.add(key)
            row = rows.get(key)
            if row is None:
                row = ModelPrice(preset=preset, model=one.model, from_tokens=one.from_tokens)
                added.append(row)
            elif row.synced == one.prices:
                continue
            else:
                changed.append(row)
            row.updated_at = now
            row.synced = dict(one.prices)
            if row.pk is None or row.source == SYNCED:
                row.take(one.prices)
    # A vendor that the package has nothing of any more keeps what is here.
    gone = [row for key, row in rows.items() if key not in seen and row.synced is not None and told.get(row.preset)]
    deleted = [row.pk for row in gone if row.source == SYNCED]
    if not dry_run:
        _save(added, [*changed, *_orphaned(gone)], deleted)
    edited = sum(row.source == EDITED for row in rows.values())
    return Synced(len(added), len(changed), len(deleted), len(seen) - len(added) - len(changed), edited)


def _orphaned(gone: Sequence[ModelPrice]) -> list[ModelPrice]:
    """Rows that people edited and the source no longer has: nothing is left to go back to."""
    kept = [row for row in gone if row.source == EDITED]
    for row in kept:
        row.synced = None
    return kept


def _save(added: Sequence[ModelPrice], changed: Sequence[ModelPrice], deleted: Sequence[int]) -> None:
    # Not through the rows' own save: what a sync writes leaves no trace in their history, which is for people.
    ModelPrice.objects.bulk_create(added, batch_size=BATCH)
    ModelPrice.objects.bulk_update(changed, _WRITTEN, batch_size=BATCH)
    for start in range(0, len(deleted), BATCH):
        ModelPrice.objects.filter(pk__in=deleted[start : start + BATCH]).delete()
    if added or changed or deleted:
        ConfigRevision.advance()
