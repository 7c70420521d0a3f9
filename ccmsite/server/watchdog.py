"""A thread that notices when the event loop stands still, and logs what it was doing."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback

log = logging.getLogger("ccmsite.watchdog")

BLOCKED_S = 0.25
BEAT_S = 0.1


class Watchdog:
    """Made and started on the loop's own thread. Costs a timer and a look ten times a second."""

    def __init__(self, loop: asyncio.AbstractEventLoop, blocked_s: float = BLOCKED_S, beat_s: float = BEAT_S) -> None:
        self._loop = loop
        self._blocked_s = blocked_s
        self._beat_s = beat_s
        self._loop_thread = threading.get_ident()
        self._beaten = time.monotonic()
        self._stopped = threading.Event()
        self.seen = 0
        """How many times the loop stood still."""

    def start(self) -> None:
        """Begin to watch. The thread ends with the process, or with `stop`."""
        self._beat()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()

    def _beat(self) -> None:
        self._beaten = time.monotonic()
        if not self._stopped.is_set():
            self._loop.call_later(self._beat_s, self._beat)

    def _watch(self) -> None:
        told = 0.0
        looked = time.monotonic()
        while not self._stopped.wait(self._beat_s / 2):
            now, beaten = time.monotonic(), self._beaten
            asleep, looked = now - looked > self._blocked_s, now
            # Who was not woken himself, as in a stopped process, has seen nothing; and nothing is told twice.
            if asleep or told == beaten or now - beaten <= self._blocked_s + self._beat_s:
                continue
            told = beaten
            self.seen += 1
            log.warning("the event loop stands still for over %d ms, here:\n%s", self._blocked_s * 1000, self._stack())

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)
        return "".join(traceback.format_stack(frame)) if frame is not None else "its thread is gone"
