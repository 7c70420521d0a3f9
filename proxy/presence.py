"""Which processes live: each says so in a row of its own, and rows of requests whose process does not are lost."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from proxy import rollup
from proxy.models import AttemptLog, Instance, RequestLog
from proxy.record import LOST, OPEN

STALE = timedelta(seconds=60)
FORGET = timedelta(days=1)
BATCH = 500


def beat(instance: uuid.UUID, rows_dropped: int = 0, bodies_dropped: int = 0) -> None:
    """Say that this process lives, by the database's clock, and what its log had to drop. Raises django.db.Error."""
    told = {"seen": Now(), "rows_dropped": rows_dropped, "bodies_dropped": bodies_dropped}
    if not Instance.objects.filter(pk=instance).update(**told):
        Instance.objects.create(pk=instance, **told)


def leave(instance: uuid.UUID) -> None:
    """Say that this process ends; what its log had to drop is told for another day. Raises django.db.Error."""
    Instance.objects.filter(pk=instance, seen__gte=Now() - STALE).update(seen=Now() - STALE - timedelta(seconds=1))


def living() -> int:
    """How many processes have said lately that they live."""
    return Instance.objects.filter(seen__gte=Now() - STALE).count()


def streams_elsewhere(own: uuid.UUID) -> int:
    """How many streams other living processes serve: those long enough under way to have a row."""
    others = Instance.objects.filter(seen__gte=Now() - STALE).exclude(pk=own).values_list("pk", flat=True)
    return RequestLog.objects.filter(outcome=OPEN, stream=True, instance__in=list(others)).count()


def sweep() -> int:
    """Mark what runs nowhere any more as lost; returns how many requests. Raises django.db.Error."""
    Instance.objects.filter(seen__lt=Now() - FORGET).delete()
    alive = set(Instance.objects.filter(seen__gte=Now() - STALE).values_list("pk", flat=True))
    found = RequestLog.objects.filter(outcome=OPEN).exclude(instance__in=alive)
    count = 0
    while lost := list(found.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            rollup.take_turn(alone=True)
            rows = list(RequestLog.objects.filter(pk__in=lost, outcome=OPEN).only(*rollup.READ))
            lost = [row.pk for row in rows]
            AttemptLog.objects.filter(request__in=lost, outcome=OPEN).update(outcome=LOST)
            count += RequestLog.objects.filter(pk__in=lost).update(
                outcome=LOST, error="the process that served it ended without a word"
            )
            for row in rows:
                row.outcome = LOST
            tally = rollup.Tally()
            tally.count(rows)
            tally.save()
    return count
