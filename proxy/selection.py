"""Among targets that may serve a request: who is tried first. Pure: chance and the clock come in as values.

Targets of one priority are drawn by weight, the keys of a provider take turns. A session's
draw is a hash, so that every process agrees without talking. A session that failed over
stays where it was served while its prompt cache there is warm, which is 5 minutes after the
last answer, and no longer than 5 minutes after a better target was first seen ready: by then
the better one's cache is cold anyway, and leaving costs one cold prompt at most per outage.
"""

from __future__ import annotations

import hashlib
import math
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from providers.targets import Target

CACHE_S = 300.0
"""Seconds that vendors keep a prompt cached after its last use."""
MAX_SESSIONS = 10_000

Seat = tuple[str, str, tuple[object, ...]]
"""Session, logical model and the targets it was chosen from: a changed configuration is another seat."""


@dataclass(slots=True)
class _Stay:
    place: tuple[str, str, int | None]
    used: float
    better_since: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The targets in the order to try, which of them are cooling, why, and where the outcome is remembered."""

    targets: tuple[Target, ...]
    cooling: tuple[Target, ...] = ()
    why: str = ""
    seat: Seat | None = None
    among: tuple[Target, ...] = ()
    """All that could be chosen from."""
    session: str = ""

    def home(self, wire_format: str) -> str:
        """The provider that most likely made what nobody remembers the maker of; empty when it may be any."""
        return home_of(self.among, self.session, wire_format)


def expanded(targets: Sequence[Target]) -> tuple[Target, ...]:
    """Every target once with each of its provider's keys."""
    return tuple(one for target in targets for one in target.with_each_key())


def arrange(
    targets: Sequence[Target], session: str, chance: Callable[[], float], first_key: Callable[[str], int],
    stays: tuple[str, str, int | None] | None = None,
) -> tuple[tuple[Target, ...], str]:  # fmt: skip
    """All targets in the order to try, and why; the one that `stays` names comes first.

    `chance` returns 0..1 and `first_key` says which of a provider's keys has its turn: both only without a session.
    """
    if len(targets) == 1 and stays is None:
        return tuple(targets), targets[0].key_told
    order: list[Target] = []
    why = ""
    for priority, group in groupby(sorted(targets, key=lambda one: one.priority), key=lambda one: one.priority):
        units = _units(list(group))
        ranked = _drawn(units, session, chance) if len(units) > 1 else units
        if not order and len(units) > 1:
            first = ranked[0][0]
            why = f"{first} drawn by weight {first.weight} from {len(units)} of priority {priority}"
        for unit in ranked:
            order.extend(_rotated(unit, session, first_key) if len(unit) > 1 else unit)
    for at, target in enumerate(order):
        if stays is not None and _place_of(target) == stays:
            return (target, *order[:at], *order[at + 1 :]), f"the session stays at {target}{_key_told(target)}"
    return tuple(order), (why + _key_told(order[0])).removeprefix(", ") if order else ""


def home_of(targets: Sequence[Target], session: str, wire_format: str = "anthropic_messages") -> str:
    """The provider whose thinking a conversation holds when nothing is remembered of it; empty when that is open.

    Health and stays do not count: they tell of the time since the memory began. Only upstreams that speak the
    client's own format give thinking without a mark. A session of old went where its draw leads; without one several
    may have been drawn.
    """
    makers = [target for target in targets if target.preset.wire_format == wire_format]
    if not makers:
        return ""
    best = min(target.priority for target in makers)
    first = [target for target in makers if target.priority == best]
    if len({target.provider for target in first}) == 1:
        return first[0].provider
    return arrange(first, session, lambda: 0.0, lambda _: 0)[0][0].provider if session else ""


def _units(group: list[Target]) -> list[list[Target]]:
    """Targets that differ in their key alone belong together and have one weight."""
    units: list[list[Target]] = []
    for target in group:
        if units and all(target.is_twin_of(other) for other in units[-1]):
            units[-1].append(target)
        else:
            units.append([target])
    return units


def _drawn(units: list[list[Target]], session: str, chance: Callable[[], float]) -> list[list[Target]]:
    # Each unit waits an exponential time of its weight's rate: the order is a weighted draw without replacement.
    def wait(unit: list[Target]) -> float:
        first = unit[0]
        share = _hashed(session, first.provider, first.actual_model) if session else chance()
        return -math.log(1 - min(max(share, 0.0), 1 - 2**-53)) / first.weight

    return sorted(units, key=wait)


def _rotated(unit: list[Target], session: str, first_key: Callable[[str], int]) -> list[Target]:
    if session:
        return sorted(unit, key=lambda one: _hashed(session, one.provider, str(one.credential_id)))
    turn = first_key(unit[0].provider) % len(unit)
    return unit[turn:] + unit[:turn]


def _hashed(*parts: str) -> float:
    digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _place_of(target: Target) -> tuple[str, str, int | None]:
    return target.provider, target.actual_model, target.credential_id


def _key_told(target: Target) -> str:
    return f", {target.key_told}" if target.key_told else ""


@dataclass
class Selector:
    """Chooses for one process: remembers where sessions were served, and whose key has its turn."""

    now: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    _stays: OrderedDict[Seat, _Stay] = field(default_factory=OrderedDict)
    _turns: dict[str, int] = field(default_factory=dict)

    def choose(
        self, targets: Sequence[Target], model: str, session: str,
        order: Callable[[Sequence[Target]], tuple[tuple[Target, ...], tuple[Target, ...]]], trace: bool = True,
    ) -> Choice:  # fmt: skip
        """The order for one request; `order` puts the cooling targets last and names them, as the board's does.

        Without `trace` it is what the next request would get: nothing is remembered, no key has had its turn.
        """
        everyone, cooling = order(expanded(targets))
        ready = everyone[: len(everyone) - len(cooling)]
        seat: Seat | None = None
        stays = None
        if session and len(everyone) > 1:
            session = hashlib.blake2b(session.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
            chosen_from = tuple((one.priority, one.weight, *_place_of(one)) for one in targets)
            seat = (session, model or str(targets[0]), chosen_from)
            stays = self._staying(seat, ready, trace)
        arranged, why = arrange(ready, session, self.chance, self._next_key if trace else self._turn_after, stays)
        return Choice((*arranged, *cooling), cooling, why, seat, tuple(targets), session)

    def served(self, seat: Seat | None, target: Target) -> None:
        """Remember that a target has served a session."""
        if seat is None:
            return
        stay = self._stays.get(seat)
        if stay is None or stay.place != _place_of(target):
            stay = self._stays[seat] = _Stay(_place_of(target), 0.0)
        stay.used = self.now()
        self._stays.move_to_end(seat)
        while len(self._stays) > MAX_SESSIONS:
            self._stays.popitem(last=False)

    def forget(self) -> None:
        """Forget every session and turn."""
        self._stays.clear()
        self._turns.clear()

    def _staying(self, seat: Seat, ready: Sequence[Target], trace: bool) -> tuple[str, str, int | None] | None:
        """Where the session was served, if it may stay there."""
        stay = self._stays.get(seat)
        here = next((one for one in ready if stay and _place_of(one) == stay.place), None)
        if stay is None or here is None:
            return None
        now = self.now()
        is_best = here.priority == min(one.priority for one in ready)
        since = None if is_best else now if stay.better_since is None else stay.better_since
        if trace:
            stay.better_since = since
        if since is None:
            return stay.place
        return stay.place if now - since < CACHE_S and now - stay.used < CACHE_S else None

    def _next_key(self, provider: str) -> int:
        turn = self._turns[provider] = self._turn_after(provider)
        return turn

    def _turn_after(self, provider: str) -> int:
        return self._turns.get(provider, -1) + 1


SELECTOR = Selector()
"""This process's selector."""
