"""Which targets have failed lately: cooling ones are tried last, never not at all.

Kept in memory, per process, by the monotonic clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from providers.errors import Failure
from providers.targets import Target

MAX_COOL_S = 600.0

_Key = tuple[str, str] | int


@dataclass
class CoolingBoard:
    """Until when each target or credential is cooling, and how often it failed in a row."""

    now: Callable[[], float] = time.monotonic
    _until: dict[_Key, float] = field(default_factory=dict)
    _streak: dict[_Key, int] = field(default_factory=dict)

    def order(self, targets: Sequence[Target]) -> tuple[tuple[Target, ...], tuple[Target, ...]]:
        """The targets to try, in order, and which of them are cooling (those come last, soonest ready first)."""
        if not self._until:
            return tuple(targets), ()
        now = self.now()
        waits = [(self._ready_at(target) - now, target) for target in targets]
        ready = [target for wait, target in waits if wait <= 0]
        cooling = [target for _, target in sorted((w for w in waits if w[0] > 0), key=lambda w: w[0])]
        return (*ready, *cooling), tuple(cooling)

    def failed(self, target: Target, failure: Failure) -> None:
        """Bench what the table says for this kind of failure, for as long as the upstream or the table asks."""
        rule = failure.rule
        if rule.cools == "no":
            return
        key: _Key = target.key
        if rule.cools == "credential" and target.credential_id is not None:
            key = target.credential_id
        self._streak[key] = self._streak.get(key, 0) + 1
        seconds = rule.cool_s * (2 ** min(self._streak[key] - 1, 6) if rule.backs_off else 1)
        if failure.retry_after_s is not None:
            seconds = failure.retry_after_s
        self._until[key] = self.now() + min(seconds, max(MAX_COOL_S, failure.retry_after_s or 0))

    def succeeded(self, target: Target) -> None:
        """Forget what was held against a target that has answered."""
        if self._until:
            for key in (target.key, target.credential_id):
                if key is not None:
                    self._until.pop(key, None)
                    self._streak.pop(key, None)

    def _ready_at(self, target: Target) -> float:
        own = self._until.get(target.key, 0.0)
        credential = self._until.get(target.credential_id, 0.0) if target.credential_id is not None else 0.0
        return max(own, credential)


BOARD = CoolingBoard()
"""This process's board."""
