"""The request log: records wait in memory, one thread writes them in batches, no request ever waits.

One row that the database refuses never costs the others of its batch; a database that is
away keeps the rows waiting, up to a bound.
"""

from __future__ import annotations

import atexit
import logging
import re
import threading
from collections import deque
from collections.abc import Sequence

from django.db import Error, connection, transaction

from proxy.models import AttemptLog, RequestLog
from proxy.record import RequestRecord

log = logging.getLogger("proxy.logbook")

BATCH = 500
INTERVAL_S = 0.05
RETRY_S = 1.0
MAX_WAITING = 20_000
CLOSE_WAIT_S = 10.0

_SURROGATE = re.compile("[\ud800-\udfff]")


class Logbook:
    """Takes records with `put_nowait`, writes them from its own thread, and writes what is left on `close`."""

    def __init__(self) -> None:
        self._waiting: deque[RequestRecord] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        self.dropped = 0
        """Rows given up because too many were waiting, or because the database refused them for good."""
        self.trouble = ""
        """Why the last batch could not be written; empty when it could."""

    @property
    def waiting(self) -> int:
        """How many records are not written yet."""
        return len(self._waiting)

    @property
    def alive(self) -> bool:
        """True while the writer runs, or before it was ever needed."""
        return self._thread is None or self._thread.is_alive()

    def put_nowait(self, record: RequestRecord) -> None:
        """Hand over a record. Never blocks, never raises."""
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append(record)
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def close(self) -> None:
        """Write what is waiting, then end the thread; gives up after some seconds."""
        thread, self._closing = self._thread, True
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_WAIT_S)
        self._thread, self._closing = None, False
        self._wake.clear()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="logbook", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                closing = self._closing
                wrote = self._write_waiting()
                if closing:
                    return
                self._wake.wait(INTERVAL_S if wrote else RETRY_S)
        finally:
            connection.close()

    def _write_waiting(self) -> bool:
        while self._waiting:
            batch = [self._waiting[i] for i in range(min(BATCH, len(self._waiting)))]
            try:
                self.dropped += write(batch)
            except Exception as error:  # noqa: BLE001
                # The thread must outlive whatever the database does; the rows stay for the next round.
                self._complain(error)
                connection.close()
                return False
            self.trouble = ""
            for _ in batch:
                self._waiting.popleft()
        return True

    def _complain(self, error: Exception) -> None:
        words = f"{type(error).__name__}: {error}"
        if words != self.trouble:
            log.warning("the request log cannot be written; %d rows wait: %s", len(self._waiting), words)
        self.trouble = words


def write(batch: Sequence[RequestRecord]) -> int:
    """Write a batch in one transaction, row by row if it is refused; returns how many rows were refused for good."""
    try:
        _write_all(batch)
    except (Error, ValueError, OverflowError):
        connection.ensure_connection()  # the database is away: raise, and keep every row
        if len(batch) == 1:
            log.warning("a request log row was refused by the database: %s", batch[0].request_id, exc_info=True)
            return 1
        return sum(write([record]) for record in batch)
    return 0


def _write_all(batch: Sequence[RequestRecord]) -> None:
    with transaction.atomic():
        rows = RequestLog.objects.bulk_create([_request_row(record) for record in batch])
        attempts = [row for record, parent in zip(batch, rows, strict=True) for row in _attempt_rows(record, parent)]
        AttemptLog.objects.bulk_create(attempts)


def safe_text(text: str, limit: int) -> str:
    """Text that every database takes: no NUL, no lone surrogate, at most `limit` characters."""
    return _SURROGATE.sub("\ufffd", text).replace("\0", "\u2400")[:limit]


def _request_row(record: RequestRecord) -> RequestLog:
    usage = record.usage
    return RequestLog(
        time=record.time,
        request_id=record.request_id,
        session_id=safe_text(record.session_id, 100),
        agent_id=safe_text(record.agent_id, 100),
        client_key=record.client_key,
        inbound_format=record.inbound_format,
        operation=record.operation,
        requested_model=safe_text(record.requested_model, 200),
        logical_model=safe_text(record.logical_model, 200),
        provider=record.provider,
        actual_model=safe_text(record.actual_model, 200),
        route=record.route,
        why=safe_text(record.why, 1000),
        stream=record.stream,
        status=record.status,
        outcome=record.outcome,
        attempts=len(record.attempts),
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        first_content_ms=record.first_content_ms,
        duration_ms=record.duration_ms,
        stop_reason=safe_text(record.stop_reason, 40),
        error=safe_text(record.error, 1000),
        body=record.body,
    )


def _attempt_rows(record: RequestRecord, parent: RequestLog) -> list[AttemptLog]:
    return [
        AttemptLog(
            request=parent,
            number=attempt.number,
            provider=attempt.provider,
            actual_model=safe_text(attempt.actual_model, 200),
            outcome=attempt.outcome,
            status=attempt.status,
            upstream_request_id=safe_text(attempt.upstream_request_id, 100),
            message=safe_text(attempt.message, 600),
            started_ms=attempt.started_ms,
            first_content_ms=attempt.first_content_ms,
            duration_ms=attempt.duration_ms,
        )
        for attempt in record.attempts
    ]


LOGBOOK = Logbook()
"""This process's logbook."""


def close() -> None:
    """Write what is waiting; called when the process ends."""
    LOGBOOK.close()


atexit.register(close)
