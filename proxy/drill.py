"""What a drill does to an attempt: one provider fails on purpose for one client key, and for nobody else.

A status, a refused connection and a hang never reach the provider; a cut really calls it and loses the rest of
the answer. Whether a drill is still on is judged here, by the clock: it ends by itself, and a stop is noticed
by requests that run. Without drills none of this costs more than a look at an empty tuple.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from providers import client, faults
from providers.errors import Failure, UpstreamFailure
from providers.outbound.base import Translator
from providers.targets import Target, Timeouts, UpstreamRequest
from providers.wire.messages import MessagesEvent, MessagesReply, Usage
from providers.wire.spans import loads
from providers.wire.sse import ServerSentEvent
from providers.wire.tokens import estimate_text
from proxy import snapshot
from proxy.config import ConfigSnapshot, DrillConfig
from proxy.record import AttemptRecord, RequestRecord

POLL_S = 0.5
"""Seconds between two looks whether a hang is to go on."""


def now() -> datetime:
    """The clock that ends drills."""
    return datetime.now(UTC)


class Drilled:
    """One attempt under a drill. The attempt is marked when the fault comes, not before: a cut may find no text."""

    def __init__(self, drill: DrillConfig, entry: AttemptRecord) -> None:
        self._drill = drill
        self._entry = entry
        self._characters = 0
        self._usage = Usage()
        self._text: list[str] = []
        self.broken = False
        """True once the answer is cut: what the provider goes on to say is lost."""

    @property
    def calls(self) -> bool:
        """True when the provider is really called."""
        return self._drill.fault == "cut"

    @asynccontextmanager
    async def send(self, request: UpstreamRequest, timeouts: Timeouts) -> AsyncIterator[client.UpstreamResponse]:
        """The call, with its fault. Raises UpstreamFailure."""
        fault = self._drill.fault
        if fault == "cut":
            async with client.send(request, timeouts) as response:
                yield _Cut(response, self)
            return
        self._entry.drill = self._drill.id
        if fault == "refused":
            raise faults.refused()
        if fault == "hang":
            while _is_on(self._drill):  # noqa: ASYNC110 (the clock and a stop end it)
                await asyncio.sleep(POLL_S)
            raise faults.dropped()
        yield faults.refusal(int(fault))

    def heard(self, event: MessagesEvent) -> None:
        """Count an event of the answer; the one that brings the last character to come through is the last."""
        if event.type == "message_start":
            self._usage = Usage.from_payload(_inside(event.payload(), "message").get("usage"))
        elif event.type == "content_block_start":
            self._take(_inside(event.payload(), "content_block").get("text"))
        elif event.type == "content_block_delta":
            self._take(_inside(event.payload(), "delta").get("text"))
        elif event.type == "message_delta":
            self._usage = Usage.from_payload(event.payload().get("usage"), self._usage)
        if self._characters >= self._drill.cut_after:
            self._break()

    def cut_whole(self, reply: MessagesReply) -> None:
        """The same for an answer that came whole. Raises UpstreamFailure when it is cut."""
        for block in loads(reply.body).get("content") or ():
            self._take(block.get("text") if isinstance(block, dict) else None)
        self._usage = reply.usage
        if self._characters >= self._drill.cut_after:
            self._break()
            raise self.failure()

    def failure(self) -> UpstreamFailure:
        """What a cut looks like, ready to raise."""
        return faults.broken_off(self._characters)

    def _break(self) -> None:
        self.broken = True
        used = self._usage
        self._entry.drill = self._drill.id
        self._entry.tokens_in = used.input + used.cache_read + used.cache_write or None
        self._entry.tokens_out = max(used.output, estimate_text("".join(self._text)))

    def _take(self, text: Any) -> None:
        if isinstance(text, str) and text:
            self._characters += len(text)
            self._text.append(text)


def of(config: ConfigSnapshot, record: RequestRecord, target: Target, entry: AttemptRecord) -> Drilled | None:
    """The drill that an attempt of this request at this target is under, if any. Counts are left alone."""
    found = _matching(config, record, target) if config.drills else None
    return None if found is None else Drilled(found, entry)


def spares(config: ConfigSnapshot, record: RequestRecord, target: Target) -> bool:
    """True when a drill keeps this request away from the target's provider: it can be no probe of its health."""
    found = _matching(config, record, target) if config.drills else None
    return found is not None and found.fault != "cut"


def keeps_away(drilled: Drilled | None) -> bool:
    """True when the attempt never reaches its provider: it takes no slot there and says nothing of its health."""
    return drilled is not None and not drilled.calls


def was_drilled(record: RequestRecord) -> bool:
    """True when a drill made an attempt of this request fail."""
    return any(attempt.drill is not None for attempt in record.attempts)


def send(
    drilled: Drilled | None, request: UpstreamRequest, timeouts: Timeouts
) -> AbstractAsyncContextManager[client.UpstreamResponse]:
    """`client.send`, with the fault of the drill if there is one."""
    return client.send(request, timeouts) if drilled is None else drilled.send(request, timeouts)


def translator(drilled: Drilled | None, inner: Translator) -> Translator:
    """The translator of a streamed answer; under a drill it counts the text, and is silent once that is cut."""
    return _Listening(inner, drilled) if drilled is not None and drilled.calls else inner


def told(entry: AttemptRecord, failure: Failure) -> Failure:
    """The failure as it is told: one that was made on purpose says so, a timeout as well."""
    if entry.drill is None or failure.message.startswith(faults.MARK):
        return failure
    return replace(failure, message=f"{faults.MARK}{failure.message}")


def _matching(config: ConfigSnapshot, record: RequestRecord, target: Target) -> DrillConfig | None:
    if record.operation == "count_tokens":
        return None
    for drill in config.drills:
        if drill.provider == target.provider and drill.client_key == record.client_key and _is_on(drill):
            return drill
    return None


def _is_on(drill: DrillConfig) -> bool:
    # A request keeps the configuration it began with, but a stop is meant at once.
    if drill.ends_at <= now():
        return False
    latest = snapshot.loaded()
    return latest is None or any(other.id == drill.id for other in latest.drills)


def _inside(payload: dict[str, Any], key: str) -> dict[str, Any]:
    value = payload.get(key)
    return value if isinstance(value, dict) else {}


class _Cut:
    """A response whose body breaks off once the drill says so."""

    def __init__(self, response: client.UpstreamResponse, drilled: Drilled) -> None:
        self._response = response
        self._drilled = drilled
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        # Between two chunks: what came before the cut has arrived, as it has when a network fails.
        async for chunk in self._response.chunks():
            yield chunk
            if self._drilled.broken:
                raise self._drilled.failure()

    async def read(self, limit: int) -> bytes:
        return await self._response.read(limit)


class _Listening:
    """A translator that tells the drill what it makes, and makes nothing once the answer is cut."""

    def __init__(self, inner: Translator, drilled: Drilled) -> None:
        self._inner = inner
        self._drilled = drilled

    def feed(self, event: ServerSentEvent) -> Sequence[MessagesEvent]:
        if self._drilled.broken:
            return ()
        made = []
        for one in self._inner.feed(event):
            made.append(one)
            self._drilled.heard(one)
            if self._drilled.broken:
                break
        return made

    def finish(self) -> Sequence[MessagesEvent]:
        return self._inner.finish()

    @property
    def ended(self) -> bool:
        return self._inner.ended and not self._drilled.broken
