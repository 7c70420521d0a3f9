"""What one viewer of the live tail is sent, and what he misses: bounded, whatever comes and however slowly he reads.

A viewer says so when he has read a batch. Only a few batches are on their way at once; what
comes meanwhile waits, up to a limit, and then the oldest is dropped and counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_WAITING = 200
MAX_UNREAD = 4
MAX_BATCH = 100

Event = dict[str, Any]


@dataclass(slots=True)
class Viewer:
    """A bounded queue between the processes' batches and one reader: `feed`, `read`, send what `next_batch` gives."""

    dropped: int = 0
    _waiting: deque[Event] = field(default_factory=deque)
    _unread: int = 0
    _last: dict[str, int] = field(default_factory=dict)

    def feed(self, process: str, number: int, events: Sequence[Event]) -> None:
        """Take a batch of one process. A number that does not follow the last one tells of batches that got lost."""
        last = self._last.get(process)
        if last is not None and number > last + 1:
            self.dropped += number - last - 1  # at least one event each
        self._last[process] = number
        self._waiting.extend(events)
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self.dropped += 1

    def read(self) -> None:
        """The viewer has read one batch."""
        self._unread = max(0, self._unread - 1)

    def next_batch(self) -> dict[str, Any] | None:
        """What to send now: events, and how many were dropped in all; None: nothing waits, or he has yet to read."""
        if not self._waiting or self._unread >= MAX_UNREAD:
            return None
        self._unread += 1
        events = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        return {"events": events, "dropped": self.dropped}
