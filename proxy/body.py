"""The body of a streamed answer: what the pipe holds, pings in its silences, an error event at a broken end."""

from __future__ import annotations

import asyncio

from proxy.call import Call
from proxy.errors import ApiError
from proxy.pipe import Pipe


class StreamBody:
    """An async iterator that never raises for an upstream's fault; `close` cuts the upstream."""

    def __init__(
        self, first: bytes | None, pipe: Pipe, task: asyncio.Task[None], call: Call, ping_every_s: float
    ) -> None:
        self._first: bytes | None = first
        self._pending = True
        self._pipe = pipe
        self._task = task
        self._call = call
        self._ping_every_s = ping_every_s
        self._over = False

    def __aiter__(self) -> StreamBody:
        return self

    async def __anext__(self) -> bytes:
        if self._over:
            raise StopAsyncIteration
        try:
            chunk = await self._next()
        except ApiError as error:
            self._over = True
            if self._call.record.outcome == "interrupted" and self._call.config.streams.otherwise == "cut":
                raise StopAsyncIteration from error  # a stream without its end: the client asks again by itself
            return self._call.renderer.render_error(error, self._call.record.request_id)
        if chunk is None:
            self._over = True
            raise StopAsyncIteration
        return chunk or self._call.inbound.ping

    async def _next(self) -> bytes | None:
        if self._pending:
            self._pending = False
            return self._first
        return await self._pipe.get(self._ping_every_s)

    def close(self) -> None:
        """The response is over, however it ended: an upstream still talking is cut."""
        self._over = True
        self._task.cancel()
