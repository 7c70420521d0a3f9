"""How many calls may be repeated: no storm of retries when an upstream is down.

Pure and in memory, per process, by the monotonic clock. Going on to another target is never limited here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

WINDOW_S = 60
SHARE = 0.1
AT_LEAST = 10


@dataclass
class RepeatBudget:
    """Repeats of a call to the same target: ten a minute, or a tenth of the minute's requests if that is more."""

    now: Callable[[], float] = time.monotonic
    _seconds: deque[list[int]] = field(default_factory=deque)
    """Second, requests, repeats: one entry for each second of the window that saw any."""
    _requests: int = 0
    _repeats: int = 0

    def requested(self) -> None:
        """Count a request."""
        self._second()[1] += 1
        self._requests += 1

    def may_repeat(self) -> bool:
        """Whether one more repeat is allowed now; if so it is counted."""
        second = self._second()
        if self._repeats >= max(AT_LEAST, int(self._requests * SHARE)):
            return False
        second[2] += 1
        self._repeats += 1
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._seconds.clear()
        self._requests = self._repeats = 0

    def _second(self) -> list[int]:
        second = int(self.now())
        while self._seconds and self._seconds[0][0] <= second - WINDOW_S:
            _, requests, repeats = self._seconds.popleft()
            self._requests -= requests
            self._repeats -= repeats
        if not self._seconds or self._seconds[-1][0] < second:
            self._seconds.append([second, 0, 0])
        return self._seconds[-1]


BUDGET = RepeatBudget()
"""This process's budget."""
