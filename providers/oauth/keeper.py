"""Keeps the accounts of this process signed in: renews what is due, and what a request cannot do without.

Nothing runs until there is something to renew. The snapshot's thread calls `tick` once a second; a renewal has
a thread of its own while it lasts, and the end of the process waits for it: an answer that nobody stores is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from django.db import connection

from providers.oauth.held import MEMORY, Held, Memory
from providers.oauth.renewal import RenewalFailed, renew

AT_ONCE = 16
"""Renewals at the same time; a vendor that hangs shall not keep the others' waiting."""
PATIENCE_S = 15.0
"""Seconds that a request waits for a renewal it cannot do without."""


class Keeper:
    """Renewals of one process: one at a time for each account, whoever asks for it."""

    def __init__(self, memory: Memory = MEMORY, mono: Callable[[], float] = time.monotonic) -> None:
        self._memory = memory
        self._mono = mono
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._running: dict[int, Future[Held]] = {}
        self._failed: dict[int, tuple[int, float, RenewalFailed]] = {}
        """Of each account whose renewal failed: the version, until when it is not tried again, and why."""

    def tick(self) -> None:
        """Begin to renew what is due; does not wait."""
        for held in self._memory.due():
            if self._why_not(held) is None:
                with contextlib.suppress(RuntimeError):  # the process is ending: no thread can begin
                    self._begin(held, forced=False)

    async def renewed(self, held: Held, *, forced: bool) -> Held:
        """Tokens newer than these. Raises RenewalFailed; waits for PATIENCE_S seconds at most."""
        why_not = self._why_not(held)
        if why_not is not None:
            raise why_not.again()
        # Others wait for the same: whoever leaves must not cancel it.
        waiting = asyncio.shield(asyncio.wrap_future(self._begin(held, forced)))
        try:
            return await asyncio.wait_for(waiting, PATIENCE_S)
        except RenewalFailed as error:
            raise error.again() from error
        except TimeoutError:
            raise RenewalFailed(f"its token was not renewed within {PATIENCE_S:g} s") from None

    def stop(self) -> None:
        """Wait for what is under way and forget everything; the next call starts anew."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()
        self._running.clear()
        self._failed.clear()

    def _why_not(self, held: Held) -> RenewalFailed | None:
        """The failure that is still to be waited out, if there is one."""
        version, until, failure = self._failed.get(held.pk, (-1, 0.0, None))
        return failure if version == held.version and self._mono() < until else None

    def _begin(self, held: Held, forced: bool) -> Future[Held]:
        with self._lock:
            running = self._running.get(held.pk)
            if running is not None and not running.done():
                return running
            if self._pool is None:
                self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="renewal")
            begun = self._running[held.pk] = self._pool.submit(self._renew, held, forced)
            return begun

    def _renew(self, held: Held, forced: bool) -> Held:
        try:
            fresh = renew(held.pk, held.version, forced=forced, memory=self._memory)
        except RenewalFailed as error:
            self._failed[held.pk] = (held.version, self._mono() + error.wait_s, error)
            raise
        finally:
            connection.close()
        self._failed.pop(held.pk, None)
        return fresh


KEEPER = Keeper()
"""This process's keeper."""
