"""What one viewer of the live tail is sent, and what he misses: bounded, whatever comes and however slowly he reads.

Each batch bears a token that a viewer says when he has read it: a token cannot be guessed, so
saying it proves the reading. Only a few batches are on their way at once; what comes meanwhile
waits, up to a limit, and then the oldest is dropped and counted.
"""

from __future__ import annotations

import secrets
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
    away: bool = False
    """Whether the processes' batches cannot reach him at the moment."""
    _waiting: deque[Event] = field(default_factory=deque)
    _unread: set[str] = field(default_factory=set)
    _next: dict[str, int] = field(default_factory=dict)

    def feed(self, process: str, number: int, events: Sequence[Event]) -> None:
        """Take a batch of one process. `number` is its first event's: what is missing before it got lost."""
        self.dropped += max(0, number - self._next.get(process, number))
        self._next[process] = number + len(events)
        self._waiting.extend(events)
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self.dropped += 1

    def read(self, token: str) -> bool:
        """The viewer has read the batch with this token; False when none that was sent is unread with it."""
        known = token in self._unread
        self._unread.discard(token)
        return known

    def next_batch(self, *, even_empty: bool = False) -> dict[str, Any] | None:
        """What to send now: events, and how many were dropped in all; None: nothing waits, or he has yet to read."""
        if len(self._unread) >= MAX_UNREAD or not (self._waiting or even_empty):
            return None
        token = secrets.token_hex(8)
        self._unread.add(token)
        events = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        return {"events": events, "dropped": self.dropped, "away": self.away, "token": token}
