"""The board's memory in the database: all processes share it and it survives a restart.

The watcher thread calls `sync` once a second: changes of this process are written, rows that others have
changed are taken over, and rows that are gone (forgiven, or reset in the admin) are forgotten. No request
ever waits for it. Each version of a row has a stamp: a row is converted to this machine's monotonic clock
once, when its stamp is new, so that a jump of the clock moves nothing that is known already.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import Error, IntegrityError, connection, transaction
from django.db.models.signals import post_save

from providers.errors import FailureKind, plain_words
from providers.models import Credential, Provider
from proxy.health import BOARD, FORGET_S, MAX_COOL_S, PROBE_S, Ailment, Change, CoolingBoard, Subject
from proxy.models import HealthState

log = logging.getLogger("proxy.health_store")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class HealthStore:
    """Carries one board to the table and back."""

    def __init__(self, board: CoolingBoard, wall: Callable[[], datetime] = _utc_now) -> None:
        self._board = board
        self._wall = wall
        self._known: dict[Subject, int] = {}
        """The stamp of each row as it was last seen or written here."""
        self.trouble = ""
        """Why the table cannot be read or written; empty when it can."""

    def sync(self) -> None:
        """Write what is new here and take over what is new there; a database that is away is left for the next time."""
        try:
            for change in self._board.changes():
                if self._write(change):
                    self._board.told(change)
            self._read()
        except (Error, ValueError, OverflowError) as error:  # the thread that calls must go on
            if not self.trouble:  # once for each outage
                log.warning("health cannot be shared with other processes (%s); it is kept here", type(error).__name__)
            self.trouble = type(error).__name__
            connection.close()
        else:
            self.trouble = ""

    def _write(self, change: Change) -> bool:
        """False when another process has changed the row at the same moment: again in a second."""
        subject, ailment = change.subject, change.ailment
        if not _storable(subject):
            return True
        row = HealthState.objects.filter(**subject._asdict()).first()
        known = self._known.get(subject)
        if ailment is None:
            # A failure that came in elsewhere since we last looked is not forgiven by an answer here.
            if row is not None and row.stamp == known:
                HealthState.objects.filter(pk=row.pk, stamp=known).delete()
            self._known.pop(subject, None)
            return True
        if row is not None and row.stamp != known:
            ailment = _both(ailment, self._ailment(row))
            self._board.adopt(change, ailment)
        fields = {**self._fields(ailment), "stamp": secrets.randbits(62)}
        if row is None:
            try:
                with transaction.atomic():
                    HealthState.objects.create(**subject._asdict(), **fields)
            except IntegrityError:
                return False
        elif not HealthState.objects.filter(pk=row.pk, stamp=row.stamp).update(**fields):
            return False
        self._known[subject] = fields["stamp"]
        return True

    def _read(self) -> None:
        now = self._wall()
        rows = {Subject(row.provider, row.actual_model, row.credential_id): row for row in HealthState.objects.all()}
        for subject, row in rows.items():
            if row.until < now - timedelta(seconds=FORGET_S):
                HealthState.objects.filter(pk=row.pk, stamp=row.stamp).delete()
            elif row.stamp != self._known.get(subject):
                self._board.merge(subject, self._ailment(row))
                self._known[subject] = row.stamp
        for subject in self._known.keys() - rows.keys():
            self._board.merge(subject, None)
            del self._known[subject]

    def _fields(self, ailment: Ailment) -> dict[str, Any]:
        wall, mono = self._wall(), self._board.now()

        def utc(moment: float) -> datetime:
            return wall + timedelta(seconds=moment - mono)

        return {
            "kind": ailment.kind.value,
            "words": plain_words(ailment.words),
            "streak": ailment.streak,
            "since": utc(ailment.since),
            "failed_at": utc(ailment.at),
            "until": utc(ailment.until),
            "probe_until": utc(ailment.probe_until) if ailment.probe_until else None,
        }

    def _ailment(self, row: HealthState) -> Ailment:
        """The row by this machine's monotonic clock: never cooling for longer than it was meant to."""
        wall, mono = self._wall(), self._board.now()

        def here(moment: datetime, most: float) -> float:
            return mono + min((moment - wall).total_seconds(), most)

        meant = min((row.until - row.failed_at).total_seconds(), MAX_COOL_S)
        return Ailment(
            FailureKind(row.kind) if row.kind in _KINDS else FailureKind.OVERLOADED, row.words, row.streak,
            here(row.since, 0.0), here(row.failed_at, 0.0), here(row.until, meant),
            here(row.probe_until, PROBE_S) if row.probe_until else 0.0,
        )  # fmt: skip


_KINDS = {kind.value for kind in FailureKind}


def _storable(subject: Subject) -> bool:
    """Clients may send any model name; what no column takes stays in memory."""
    return len(subject.provider) <= 100 and len(subject.actual_model) <= 200 and subject.actual_model.isprintable()


def _both(ours: Ailment, theirs: Ailment) -> Ailment:
    newest = ours if ours.at >= theirs.at else theirs
    return replace(
        newest, streak=max(ours.streak, theirs.streak), since=min(ours.since, theirs.since),
        until=max(ours.until, theirs.until), probe_until=ours.probe_until,
    )  # fmt: skip


def connect() -> None:
    """Forgive a provider when it or a key of it is saved; called once, when the app is ready."""
    post_save.connect(_saved, sender=Provider, dispatch_uid="health:provider")
    post_save.connect(_saved, sender=Credential, dispatch_uid="health:credential")


def _saved(instance: Provider | Credential, **_: Any) -> None:
    name = instance.name if isinstance(instance, Provider) else instance.provider.name
    HealthState.objects.filter(provider=name).delete()


STORE = HealthStore(BOARD)
"""This process's store."""
