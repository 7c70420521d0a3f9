"""The request log: records wait in memory, one thread writes them in batches, no request ever waits.

One row that the database refuses never costs the others of its batch. A database that is
away keeps the rows waiting: some in memory, the rest in a file, both bounded, and what goes
beyond is counted. The same thread gives a request that takes long a row before its end, says
that this process lives, and marks the rows of processes that do not.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import uuid
from collections import deque
from pathlib import Path

from django.conf import settings
from django.db import connection

from proxy import log_rows, presence
from proxy.metrics import METER
from proxy.record import RequestRecord, unfinished
from proxy.spill import Spill, left_behind
from proxy.tail import TAIL

log = logging.getLogger("proxy.logbook")

BATCH = 500
INTERVAL_S = 0.05
RETRY_S = 1.0
CLOSE_WAIT_S = 10.0
MAX_WAITING = 20_000
MAX_BODY_BYTES = 64 * 1024 * 1024
"""Compressed bodies in memory; what comes while there are more waits without its body."""
SPILL_ABOVE = 3_000
"""Rows that stay in memory while the database takes none."""
OPEN_AFTER_S = 5.0
"""Seconds after which a running request gets its row; shorter ones cost one insert only."""
LOOK_S = 1.0
BEAT_S = 30.0
SETTLE_S = 5.0
"""Seconds between the first sign of life, after the start or an outage, and the second."""


class Logbook:
    """Takes records with `put_nowait`, writes them from its own thread, and writes what is left on `close`."""

    def __init__(self) -> None:
        self.instance = uuid.uuid4()
        self._waiting: deque[RequestRecord] = deque()
        self._in_hand: list[RequestRecord] = []
        self._running: dict[str, tuple[float, RequestRecord]] = {}
        self._opened: set[str] = set()
        self._retrying = False
        self._own: Spill | None = None
        self._adopted: list[Spill] = []
        self._looked = self._beaten = self._beat_due = float("-inf")
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        # Each has one writer: the first of a pair the threads that hand over, the second the log's own.
        self._bytes_in = self._bytes_out = 0
        self._bodies_dropped = self._rows_dropped = 0
        self.refused = 0
        """Rows given up because the database refused every form of them."""
        self.damaged = 0
        """Lines of spill files that could not be read."""
        self.trouble = ""
        """Why the last batch could not be written; empty when it could."""

    @property
    def waiting(self) -> int:
        """How many records in memory are not written yet."""
        return len(self._waiting) + len(self._in_hand)

    @property
    def spilled(self) -> int:
        """How many records are in spill files and not in the database yet."""
        return sum(spill.rows for spill in self._spills())

    @property
    def dropped(self) -> int:
        """Rows given up: too many were waiting, the disk or the file was full, or the database refused them."""
        return self._rows_dropped + self.refused + (self._own.rows_dropped if self._own else 0)

    @property
    def bodies_dropped(self) -> int:
        """Rows kept without the body that they should have had, for want of room."""
        return self._bodies_dropped + (self._own.bodies_dropped if self._own else 0)

    def counts(self) -> str:
        """In words, what waits and what was given up."""
        told = [(self.waiting, "rows wait"), (self.spilled, "are in a file"), (self.dropped, "were dropped")]
        told += [(self.bodies_dropped, "lost their bodies"), (self.damaged, "could not be read back")]
        return ", ".join(f"{count} {words}" for count, words in told if count or words == "rows wait")

    @property
    def alive(self) -> bool:
        """True while the writer runs, or before it was ever needed."""
        return self._thread is None or self._thread.is_alive()

    @property
    def running(self) -> list[RequestRecord]:
        """The requests that this process serves at the moment."""
        return [record for _, record in list(self._running.values())]

    def begin(self, record: RequestRecord) -> None:
        """Know of a request that runs, until its record is put. Never blocks, never raises."""
        self._running[record.request_id] = (time.monotonic(), record)
        TAIL.began(record)

    def put_nowait(self, record: RequestRecord) -> None:
        """Hand over a record. Never blocks, never raises."""
        self._running.pop(record.request_id, None)
        TAIL.ended(record)
        METER.ended(record)
        if len(self._waiting) >= MAX_WAITING:
            self._rows_dropped += 1
            return
        if record.body:
            self._bound_bodies(record)
        self._waiting.append(record)
        self.start()

    def start(self) -> None:
        """Have the writer run: it also brings in what a dead process left behind. Never blocks for long."""
        if self._thread is None or not self._thread.is_alive():
            with self._lock:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._run, name="logbook", daemon=True)
                    self._thread.start()

    def close(self) -> None:
        """Write what is waiting, then end the thread; after some seconds the rest goes to the spill file."""
        thread, self._closing = self._thread, True
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_WAIT_S)
        self._thread, self._closing = None, False  # a thread that still waits for the database knows that it is alone
        self._wake.clear()
        self._spill([*self._in_hand, *self._drained()], last=True)
        self._in_hand = []
        self._let_go()

    def _bound_bodies(self, record: RequestRecord) -> None:
        size = len(record.body or b"")
        if self._bytes_in - self._bytes_out + size > MAX_BODY_BYTES:
            record.body = None
            self._bodies_dropped += 1
        else:
            self._bytes_in += size

    def _run(self) -> None:
        try:
            while True:
                closing = self._closing
                wrote = self._round(last=closing)
                if closing or self._thread is not threading.current_thread():
                    return
                self._wake.wait(INTERVAL_S if wrote else RETRY_S)
        finally:
            connection.close()

    def _round(self, *, last: bool = False) -> bool:
        """Do what there is to do, in the last round take leave as well; False when the database was in the way."""
        try:
            log_rows.notice_moved_file()
            self._look_around()
            self._bring_in()
            self._write_waiting()
            if last:
                presence.leave(self.instance)
                self._beaten = self._beat_due = float("-inf")
        except Exception as error:  # noqa: BLE001
            # The thread must outlive whatever the database does; the rows stay for the next round.
            self._retrying = True
            self._complain(error)
            connection.close()
            self._make_room()
            return False
        if self.trouble:
            log.warning("the request log is written again")
        self.trouble, self._retrying = "", False
        return True

    def _write_waiting(self) -> None:
        while self._in_hand or self._waiting:
            if not self._in_hand:
                self._in_hand = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            batch = self._in_hand
            known = self._retrying or any(record.request_id in self._opened for record in batch)
            refused = log_rows.write(batch, known=known)
            if self._in_hand is not batch:
                return  # `close` was tired of waiting and has put them into the spill file
            self.refused += refused
            self._opened.difference_update(record.request_id for record in batch)
            self._bytes_out += sum(len(record.body or b"") for record in batch)
            self._in_hand = []

    def _bring_in(self) -> None:
        for spill in self._spills():
            try:
                while spill.left:
                    self.refused += log_rows.write(spill.next(), known=True)
                    spill.done()
                if spill is not self._own:
                    self._leave(spill)
            except OSError as error:
                # A file that cannot be read must not keep the rows in memory from being written.
                log.error("%s cannot be read; %d log rows are still in it: %s", spill.path, spill.rows, error)
                self._leave(spill)

    def _look_around(self) -> None:
        now = time.monotonic()
        if now - self._looked >= LOOK_S:
            self._looked = now
            self._open_rows(now)
        if now >= self._beat_due:
            self._adopt()
            presence.beat(self.instance, self.dropped, self.bodies_dropped)
            # Who could not be heard for a while must not judge others, who may have been in the same trouble.
            settled = now - self._beaten < presence.STALE.total_seconds()
            self._beaten, self._beat_due = now, now + (BEAT_S if settled else SETTLE_S)
            if settled:
                presence.sweep()

    def _open_rows(self, now: float) -> None:
        late = [
            unfinished(record)
            for began, record in list(self._running.values())
            if now - began >= OPEN_AFTER_S and record.request_id not in self._opened
        ]
        if late:
            log_rows.write(late, self.instance, known=True)
            self._opened.update(record.request_id for record in late)

    def _adopt(self) -> None:
        try:
            for path in left_behind(Path(settings.CCM_RUN_DIR), [spill.path for spill in self._spills()]):
                if (spill := Spill.adopt(path)) is not None:
                    log.warning("%d log rows of an earlier process are in %s", spill.rows, path.name)
                    self._adopted.append(spill)
        except OSError as error:
            log.warning("spill files of earlier processes cannot be read: %s", error)

    def _spills(self) -> list[Spill]:
        return [*self._adopted, *([self._own] if self._own else [])]

    def _make_room(self) -> None:
        if len(self._waiting) > SPILL_ABOVE:
            self._spill([*self._in_hand, *self._drained()])
            self._in_hand = []

    def _drained(self) -> list[RequestRecord]:
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def _spill(self, records: list[RequestRecord], *, last: bool = False) -> None:
        """Put records into this process's file; without a disk they wait on, or are counted as lost at the end."""
        if not records:
            return
        try:
            if self._own is None:
                name = f"log-{os.getpid()}-{self.instance.hex[:8]}.spill"
                self._own = Spill.create(Path(settings.CCM_RUN_DIR) / name, settings.CCM_SPILL_BYTES)
            self._own.append(records)
        except OSError as error:
            log.error("%d log rows cannot be put into %s: %s", len(records), settings.CCM_RUN_DIR, error)
            if last:
                self._rows_dropped += len(records)
            else:
                self._waiting.extendleft(reversed(records))
        else:
            self._bytes_out += sum(len(record.body or b"") for record in records)
            self._opened.difference_update(record.request_id for record in records)
            log.warning("%d log rows went to %s until the database takes them", len(records), self._own.path.name)

    def _let_go(self) -> None:
        for spill in self._spills():
            self._leave(spill)

    def _leave(self, spill: Spill) -> None:
        self.damaged += spill.damaged
        if spill is self._own:
            self._own = None
            self._rows_dropped += spill.rows_dropped
            self._bodies_dropped += spill.bodies_dropped
        else:
            self._adopted.remove(spill)
        try:
            spill.close()
        except OSError as error:
            log.warning("%s cannot be closed: %s", spill.path, error)

    def _complain(self, error: Exception) -> None:
        words = f"{type(error).__name__}: {error}"
        if words != self.trouble:
            log.warning("the request log cannot be written; %d rows wait: %s", self.waiting, words)
        self.trouble = words


LOGBOOK = Logbook()
"""This process's logbook."""


def close() -> None:
    """Write what is waiting; called when the process ends."""
    LOGBOOK.close()


atexit.register(close)
