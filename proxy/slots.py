"""How many calls a provider gets at once: a count of each, and a short queue before the next target is tried.

A plain count and not a semaphore: who is cancelled while a slot is being handed over gives
it on. Kept per process and event loop; a limit that changes counts from the next call on.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from types import TracebackType

from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.targets import Target

WAIT_S = 1.0
"""Seconds that a call waits for a slot before its request moves on."""


class Gate:
    """The calls of one provider: those that run, and those that wait, first come first served."""

    def __init__(self) -> None:
        self.taken = 0
        self._limit: int | None = None
        self._queue: deque[asyncio.Future[bool]] = deque()

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._queue)

    async def enter(self, limit: int | None, wait_s: float) -> bool:
        """Take a slot, now or within `wait_s` seconds; False when there is none or the queue is full too."""
        self._limit = limit
        self._admit()
        if limit is None or (self.taken < limit and not self._queue):
            self.taken += 1
            return True
        if len(self._queue) >= limit:
            return False
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._queue.append(turn)
        timer = loop.call_later(wait_s, self._settle, turn, False)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.leave()  # the slot came in the same moment as the end
            raise
        finally:
            timer.cancel()
            if turn in self._queue:
                self._queue.remove(turn)

    def leave(self) -> None:
        """Give a slot back: to the first who waits."""
        self.taken -= 1
        self._admit()

    def _admit(self) -> None:
        while self._queue and (self._limit is None or self.taken < self._limit):
            if self._settle(self._queue.popleft(), True):
                self.taken += 1

    @staticmethod
    def _settle(turn: asyncio.Future[bool], granted: bool) -> bool:
        if turn.done():
            return False
        turn.set_result(granted)
        return True


_gates: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Gate]] = weakref.WeakKeyDictionary()


def gate_of(provider: str) -> Gate:
    """This event loop's gate of a provider."""
    return _gates.setdefault(asyncio.get_running_loop(), {}).setdefault(provider, Gate())


class _Slot:
    def __init__(self, target: Target) -> None:
        self._target = target

    async def __aenter__(self) -> None:
        self._gate = gate_of(self._target.provider)
        limit = self._target.max_concurrency
        if not await self._gate.enter(limit, WAIT_S):
            words = f"{self._target.provider} has {limit} calls running, its limit here, and none ended in time"
            raise UpstreamFailure(Failure(FailureKind.BUSY, words, retry_after_s=WAIT_S))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.leave()


def of(target: Target) -> _Slot:
    """A slot at the target's provider, held for as long as the block runs. Raises UpstreamFailure (busy)."""
    return _Slot(target)
