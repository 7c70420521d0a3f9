"""One request of the console on its way: the engine's own run, told step by step as server-sent events.

The engine knows nothing of it. Between two pieces of the answer the request's record is looked at, and what is
new in its list of attempts is told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from providers.wire.spans import dumps
from providers.wire.sse import SseDecoder
from proxy import engine, snapshot, views
from proxy.call import Call
from proxy.console.draft import Draft
from proxy.errors import ApiError
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.record import AttemptRecord, RequestRecord
from proxy.request_id import new_request_id

AGENT = "console"
"""The agent in the history, by which the console's requests are told from those of clients."""
LOOK_S = 0.1
ALIVE_EVERY_S = 10.0
_STILL_THERE = b": still there\n\n"


async def run(draft: Draft) -> AsyncGenerator[bytes, None]:
    """Send a draft. Events: `decision`, `attempt`s, `message`s or one `answer`, `error` where there is one, `summary`.

    Closing it cuts the upstream. It raises nothing for a request or an upstream that fails.
    """
    record = RequestRecord(new_request_id(), ANTHROPIC.name, "messages", agent_id=AGENT)
    try:
        config = await snapshot.current()
        call = views.begin(draft.encoded(), draft.headers(), ANTHROPIC, "messages", config, record)
    except ApiError as error:
        yield _error(error)
        yield _told("summary", _summary(record))
        return
    yield _told("decision", _decision(call))
    attempts, spoken = _Attempts(record), time.monotonic()
    async with aclosing(_streamed(call) if call.request.stream else _whole(call)) as pieces:
        try:
            async for piece in pieces:
                if told := b"".join(attempts.news()) + piece:
                    spoken = time.monotonic()
                    yield told
                elif time.monotonic() - spoken > ALIVE_EVERY_S:
                    spoken = time.monotonic()
                    yield _STILL_THERE
            failed = b""
        except ApiError as error:
            failed = _error(error)
    yield b"".join(attempts.news()) + failed
    yield _told("summary", _summary(record))


async def _streamed(call: Call) -> AsyncGenerator[bytes, None]:
    """The events of the answer as they come; nothing at each look without any. Raises ApiError."""
    pipe, task = views.start_stream(call)
    decoder = SseDecoder()
    try:
        while (chunk := await pipe.get(LOOK_S)) is not None:
            yield b"".join(
                _told("message", {"type": event.name, "json": event.data.decode("utf-8", "replace")})
                for event in decoder.feed(chunk)
                if not event.is_comment
            )
    finally:
        task.cancel()


async def _whole(call: Call) -> AsyncGenerator[bytes, None]:
    """The answer in one piece; nothing at each look before it is there. Raises ApiError."""
    task = asyncio.create_task(engine.run_whole(call))
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=LOOK_S)
            yield b""
        yield _told("answer", {"json": task.result().body.decode("utf-8", "replace")})
    finally:
        task.cancel()


class _Attempts:
    """What has changed in a record's attempts since they were last told."""

    def __init__(self, record: RequestRecord) -> None:
        self._record = record
        self._told: list[dict[str, Any]] = []

    def news(self) -> Iterator[bytes]:
        """An event for each attempt that is new or another than before."""
        for place, entry in enumerate(self._record.attempts):
            now = _attempt(entry)
            if place == len(self._told):
                self._told.append({})
            if now != self._told[place]:
                self._told[place] = now
                yield _told("attempt", now)


def _decision(call: Call) -> dict[str, Any]:
    cooling = {id(target) for target in call.cooling}
    targets = [
        {
            "provider": target.provider,
            "actual_model": target.actual_model,
            "key": target.key_told,
            "cooling": id(target) in cooling,
        }
        for target in call.targets
    ]
    return {
        "request_id": call.record.request_id,
        "asked_for": call.record.requested_model,
        "route": call.record.route,
        "model": call.decision.model,
        "why": call.why(),
        "targets": targets,
    }


def _attempt(entry: AttemptRecord) -> dict[str, Any]:
    return {
        "number": entry.number,
        "provider": entry.provider,
        "actual_model": entry.actual_model,
        "outcome": entry.outcome,
        "status": entry.status,
        "message": entry.message,
        "started_ms": entry.started_ms,
        "first_content_ms": entry.first_content_ms,
        "duration_ms": entry.duration_ms,
        "drill": entry.drill is not None,
    }


def _summary(record: RequestRecord) -> dict[str, Any]:
    usage, cost = record.usage, record.cost_usd
    return {
        "request_id": record.request_id,
        "outcome": record.outcome,
        "status": record.status,
        "provider": record.provider,
        "actual_model": record.actual_model,
        "why": record.why,
        "stop_reason": record.stop_reason,
        "attempts": len(record.attempts),
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "thinking_tokens": usage.thinking,
        "cost_usd": None if cost is None else str(cost),
        "first_content_ms": record.first_content_ms,
        "duration_ms": record.duration_ms,
    }


def _error(error: ApiError) -> bytes:
    return _told("error", {"status": error.status, "type": error.type, "message": error.message})


def _told(name: str, payload: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), dumps(payload))
