"""The live view's source: what happens to requests, in small events, sent to whoever watches. No request ever waits.

Events are put in memory and sent in batches by one task, through the channel layer, so that
the viewers of every process see them where Redis joins the processes. Who reads slowly, or a
Redis that is away, costs events, and the number of those is told.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from redis.exceptions import RedisError

from proxy.record import AttemptRecord, RequestRecord, safe_text

log = logging.getLogger("proxy.tail")

GROUP = "tail"
BATCH_EVERY_S = 0.1
BATCH = 100
SEND_S = 0.5
MAX_WAITING = 2_000

AWAY = (OSError, TimeoutError, RedisError)
"""What a channel layer raises that cannot be reached."""

Event = dict[str, Any]


class Tail:
    """Takes events on the event loop, sends them in batches from a task that lives while there are any."""

    def __init__(self) -> None:
        self.process = uuid.uuid4().hex[:12]
        self.dropped = 0
        """Events that no viewer was ever sent: too many waited, or the channel layer was away."""
        self._waiting: deque[Event] = deque()
        self._pump: asyncio.Task[None] | None = None
        self._gone = self._missing = 0

    def began(self, record: RequestRecord) -> None:
        """Tell that a request has its targets."""
        if not _is_heard():
            return
        self._tell({"kind": "began", **_described(record)})

    def failed(self, record: RequestRecord, attempt: AttemptRecord) -> None:
        """Tell that one upstream call failed."""
        if not _is_heard():
            return
        self._tell(
            {
                "kind": "failed",
                **_described(record),
                "provider": attempt.provider,
                "actual_model": safe_text(attempt.actual_model, 200),
                "attempt": attempt.number,
                "outcome": attempt.outcome,
                "status": attempt.status,
                "drill": attempt.drill is not None,
            }
        )

    def ended(self, record: RequestRecord) -> None:
        """Tell how a request ended."""
        if not _is_heard():
            return
        usage = record.usage
        self._tell(
            {
                "kind": "ended",
                **_described(record),
                "provider": record.provider,
                "actual_model": safe_text(record.actual_model, 200),
                "attempt": len(record.attempts),
                "outcome": record.outcome,
                "status": record.status,
                "first_content_ms": record.first_content_ms,
                "duration_ms": record.duration_ms,
                "input_tokens": usage.input + usage.cache_read + usage.cache_write,
                "output_tokens": usage.output,
                "error": safe_text(record.error, 200),
            }
        )

    def _tell(self, event: Event) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self.dropped += 1
            self._gone += 1
        self._waiting.append(event)
        if self._pump is not None and not self._pump.done() and not self._pump.get_loop().is_closed():
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a command, or the log's own thread: nobody watches those
            self._waiting.clear()
            return
        self._pump = loop.create_task(self._send_all(), name="tail")

    async def _send_all(self) -> None:
        while self._waiting:
            await asyncio.sleep(BATCH_EVERY_S)
            while self._waiting:
                await self._send([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])

    async def _send(self, events: list[Event]) -> None:
        # The first event's number: a viewer sees by it how many he has missed, whoever dropped them.
        message = {"type": "tail.batch", "process": self.process, "number": self._gone + 1, "events": events}
        self._gone += len(events)
        try:
            async with asyncio.timeout(SEND_S):
                await _group_send(message)
        except AWAY as error:
            self.dropped += len(events)
            if not self._missing:
                told = f"{type(error).__name__}: {error}"
                log.warning("the live view misses requests until the channel layer (REDIS_URL) is back: %s", told)
            self._missing += len(events)
        else:
            if self._missing:
                log.warning("the channel layer is back; the live view has missed %d events", self._missing)
            self._missing = 0


async def _group_send(message: dict[str, Any]) -> None:
    try:
        await get_channel_layer().group_send(GROUP, message)
    except RedisError:  # the first word on a connection that a restarted Redis knows no more is lost
        await get_channel_layer().group_send(GROUP, message)


def _is_heard() -> bool:
    """False when an event would reach nobody: no layer joins processes, and no page is open at this one."""
    layer = get_channel_layer()
    return not isinstance(layer, InMemoryChannelLayer) or GROUP in layer.groups


def _described(record: RequestRecord) -> Event:
    return {
        "id": record.request_id,
        "time": record.time.isoformat(timespec="milliseconds"),
        "requested_model": safe_text(record.requested_model, 200),
        "logical_model": safe_text(record.logical_model, 200),
        "route": record.route,
        "client_key": record.client_key,
        "session": safe_text(record.session_id, 100),
        "stream": record.stream,
        "operation": record.operation,
    }


TAIL = Tail()
"""This process's own."""
