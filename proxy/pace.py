"""How long each target has lately taken to its first content, and how long is longer than it takes.

Pure and in memory, per process, by the monotonic clock. Prompts of like size are told together, and requests
that think apart from those that do not. What took too long counts with the time it was given: a vendor that has
become slow is given more time with each, and not left for good.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from providers.targets import Target

ENOUGH = 10
"""Recent times that must be known before they say anything."""
KEPT = 64
WINDOW_S = 1800.0
"""Seconds after which a time is forgotten."""
QUANTILE, FACTOR, FLOOR_S = 0.95, 3.0, 5.0
MAX_KINDS = 1000
"""Clients may name models at will: no more kinds of request than so many are remembered."""


class Kind(NamedTuple):
    """Requests that take about as long: to one model of a provider, thinking or not, of about one size."""

    provider: str
    actual_model: str
    thinks: bool
    size: int


def kind_of(target: Target, thinks: bool, size: int) -> Kind:
    """The kind of a request of `size` bytes: to 16 kB, 64 kB, 256 kB, 1 MB, and above."""
    return Kind(*target.key, thinks, min(((size >> 14).bit_length() + 1) // 2, 4))


@dataclass
class Pace:
    """The recent times to first content of every kind of request."""

    now: Callable[[], float] = time.monotonic
    _seen: OrderedDict[Kind, deque[tuple[float, float]]] = field(default_factory=OrderedDict)

    def note(self, kind: Kind, seconds: float) -> None:
        """A request took so long to its first content, or was given up after so long."""
        self._seen.setdefault(kind, deque(maxlen=KEPT)).append((self.now(), seconds))
        self._seen.move_to_end(kind)
        while len(self._seen) > MAX_KINDS:
            self._seen.popitem(last=False)

    def limit(self, kind: Kind, most: float) -> float | None:
        """Seconds after which the first content is late for this kind: under `most`; None when that is not known."""
        oldest = self.now() - WINDOW_S
        recent = sorted(seconds for at, seconds in self._seen.get(kind, ()) if at > oldest)
        if len(recent) < ENOUGH:
            return None
        usual = recent[math.ceil(QUANTILE * len(recent)) - 1]
        late = math.ceil(max(FLOOR_S, FACTOR * usual) * 10) / 10
        return late if late < most else None

    def clear(self) -> None:
        """Forget everything."""
        self._seen.clear()


PACE = Pace()
"""This process's memory."""
