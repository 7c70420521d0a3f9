"""Which targets have failed lately: cooling ones are tried last, never not at all.

Pure and in memory, by the monotonic clock; `proxy/health_store.py` carries it to the other processes and
over a restart. When a cooldown is over, one call at a time finds out whether it is over indeed (the probe):
until that one answers, the target counts as cooling for all others.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from providers.errors import Failure, FailureKind
from providers.targets import Target

MIN_COOL_S, MAX_COOL_S = 1.0, 3600.0
"""Seconds between which an upstream's own wish is kept."""
MAX_BACKOFF_S = 600.0
MAX_BRIEF_S = 60.0
MAX_JITTER = 0.2
"""A back-off is made longer by up to this share, so that not all come back at once."""
PROBE_S = 30.0
"""Seconds that a probe keeps the others away, at most."""
FORGET_S = 3600.0
"""Seconds after its cooldown when a failure no longer counts as the one before."""
MAX_SUBJECTS = 1000
"""Clients may name models at will: no more than so many are remembered."""


class Subject(NamedTuple):
    """What is benched: an actual model of a provider, or a credential of it (then the model is empty).

    Where the provider has several keys, a model is benched for one of them.
    """

    provider: str
    actual_model: str
    credential_id: int = 0


@dataclass(frozen=True, slots=True)
class Ailment:
    """What is held against a subject; times are monotonic seconds."""

    kind: FailureKind
    words: str
    streak: int
    since: float
    at: float
    until: float
    probe_until: float = 0.0

    @property
    def ready_at(self) -> float:
        """When it has its place among the healthy again."""
        return max(self.until, self.probe_until)


class Change(NamedTuple):
    """What became of a subject (None: forgiven), and the mark that tells this change from a later one."""

    subject: Subject
    ailment: Ailment | None
    mark: int


@dataclass
class CoolingBoard:
    """What is held against each target and credential. Safe to use from several threads."""

    now: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    """0..1."""
    _ailments: dict[Subject, Ailment] = field(default_factory=dict)
    _changed: dict[Subject, int] = field(default_factory=dict)
    _marks: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def order(self, targets: Sequence[Target]) -> tuple[tuple[Target, ...], tuple[Target, ...]]:
        """The targets to try, in order, and which of them are cooling (those come last, soonest ready first)."""
        if not self._ailments:
            return tuple(targets), ()
        now = self.now()
        waits = [(self._ready_at(target) - now, target) for target in targets]
        ready = [target for wait, target in waits if wait <= 0]
        cooling = [target for _, target in sorted((w for w in waits if w[0] > 0), key=lambda w: w[0])]
        return (*ready, *cooling), tuple(cooling)

    def begin(self, target: Target) -> bool:
        """Told before a target is called. False: it cools, or is being probed, and others had better be tried first.

        When its cooldown is over the caller becomes its probe.
        """
        if not self._ailments:
            return True
        with self._lock:
            now = self.now()
            if self._ready_at(target) > now:
                return False
            for subject in _subjects(target):
                if (ailment := self._ailments.get(subject)) is not None:
                    self._put(subject, replace(ailment, probe_until=now + PROBE_S))
            return True

    def failed(
        self, target: Target, failure: Failure, begun: float | None = None, *, called: bool = True
    ) -> None:  # fmt: skip
        """Bench what the table says for this kind of failure, for as long as the upstream or the table asks.

        `begun` is when the call began, by this board's clock: calls that were under way together fail once.
        Not `called`: the failure of another key says it of this target, whose own probe goes on.
        """
        rule = failure.rule
        if called:
            self.released(target, begun)
        if rule.cools == "no":
            return
        model, credential = _subjects(target)
        subject = credential if rule.cools == "credential" and credential.credential_id else model
        with self._lock:
            now = self.now()
            before = self._ailments.get(subject)
            if before is not None and now - before.until > FORGET_S:
                before = None
            together = before is not None and begun is not None and begun < before.at
            streak = (before.streak if before else 0) + (0 if together else 1)
            until = now + self._seconds(failure, streak)
            ailment = Ailment(
                failure.kind, failure.message, streak, before.since if before else now, now,
                max(until, before.until) if before else until,
                before.probe_until if before and not called else 0.0,
            )  # fmt: skip
            if before is None and len(self._ailments) >= MAX_SUBJECTS:
                self._drop(min(self._ailments, key=lambda known: self._ailments[known].ready_at))
            self._put(subject, ailment)

    def succeeded(self, target: Target, begun: float | None = None) -> None:
        """Forget what was held against a target that has answered a call begun after it failed."""
        if not self._ailments:
            return
        with self._lock:
            self.released(target, begun)
            for subject in _subjects(target):
                ailment = self._ailments.get(subject)
                if ailment is not None and (begun is None or begun >= ailment.at):
                    self._drop(subject)

    def released(self, target: Target, begun: float | None = None) -> None:
        """End the probe that a call begun at `begun` may have been: it told nothing."""
        if not self._ailments:
            return
        with self._lock:
            for subject in _subjects(target):
                ailment = self._ailments.get(subject)
                if ailment is None or not ailment.probe_until:
                    continue
                if begun is None or begun >= ailment.probe_until - PROBE_S:
                    self._put(subject, replace(ailment, probe_until=0.0))

    def held_against(self, target: Target) -> tuple[Ailment, ...]:
        """What is held against a target: its model's ailment, its key's, both or none. Changes nothing."""
        with self._lock:
            return tuple(known for s in _subjects(target) if (known := self._ailments.get(s)) is not None)

    def snapshot(self) -> dict[Subject, Ailment]:
        """All that is held against anybody."""
        with self._lock:
            return dict(self._ailments)

    def changes(self) -> list[Change]:
        """What has changed here and is not told by `told` yet."""
        with self._lock:
            return [Change(subject, self._ailments.get(subject), mark) for subject, mark in self._changed.items()]

    def told(self, change: Change) -> None:
        """This change is known elsewhere now."""
        with self._lock:
            if self._changed.get(change.subject) == change.mark:
                del self._changed[change.subject]

    def adopt(self, change: Change, ailment: Ailment) -> None:
        """Put in the place of a change what came of it together with another process's; not over a later change."""
        with self._lock:
            if self._changed.get(change.subject) == change.mark and change.subject in self._ailments:
                self._ailments[change.subject] = ailment

    def merge(self, subject: Subject, ailment: Ailment | None) -> None:
        """Take over what another process knows (None: forgiven), unless something has happened here since."""
        with self._lock:
            if subject in self._changed:
                return
            if ailment is None:
                self._ailments.pop(subject, None)
            else:
                self._ailments[subject] = ailment

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._ailments.clear()
            self._changed.clear()

    def _seconds(self, failure: Failure, streak: int) -> float:
        if failure.retry_after_s is not None:
            return min(max(failure.retry_after_s, MIN_COOL_S), MAX_COOL_S)
        rule = failure.rule
        most = MAX_BACKOFF_S if rule.backs_off else max(MAX_BRIEF_S, rule.cool_s)
        return float(min(rule.cool_s * 2 ** min(streak - 1, 10), most) * (1 + MAX_JITTER * self.jitter()))

    def _ready_at(self, target: Target) -> float:
        return max((known.ready_at for s in _subjects(target) if (known := self._ailments.get(s))), default=0.0)

    def _put(self, subject: Subject, ailment: Ailment) -> None:
        self._ailments[subject] = ailment
        self._mark(subject)

    def _drop(self, subject: Subject) -> None:
        del self._ailments[subject]
        self._mark(subject)

    def _mark(self, subject: Subject) -> None:
        self._marks += 1
        if len(self._changed) >= 2 * MAX_SUBJECTS and subject not in self._changed:
            del self._changed[next(iter(self._changed))]  # nobody has asked for a long time
        self._changed[subject] = self._marks


def _subjects(target: Target) -> tuple[Subject, Subject]:
    return Subject(*target.key, target.own_key), Subject(target.provider, "", target.credential_id or 0)


BOARD = CoolingBoard()
"""This process's board."""
