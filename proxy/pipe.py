"""Bytes from the task that talks to upstreams to the one that talks to the client: bounded, one writer, one reader."""

from __future__ import annotations

import asyncio

MAX_HELD = 32 * 1024
"""Bytes that may wait for a slow client before the upstream is no longer read."""


class Pipe:
    """`put` waits while too much is held; `get` waits at most as long as it is told."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []  # few at a time; an empty deque takes ten times the memory
        self._held = 0
        self._ended = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    async def put(self, chunk: bytes) -> None:
        """Hand over bytes; returns when there is room for more. No bytes are no chunk."""
        self.put_nowait(chunk)
        if chunk:
            await self.room()

    @property
    def is_full(self) -> bool:
        """True while more is held than should be."""
        return self._held > MAX_HELD

    async def room(self) -> None:
        """Wait until the reader has caught up."""
        while self.is_full:
            self._writer = asyncio.get_running_loop().create_future()
            await self._writer

    def put_nowait(self, chunk: bytes) -> None:
        """Hand over bytes, room or not."""
        if not chunk:
            return
        self._chunks.append(chunk)
        self._held += len(chunk)
        _release(self._reader)

    def end(self, error: Exception | None = None) -> None:
        """No more bytes; with an error, `get` raises it once everything before it was read."""
        self._ended, self._error = True, error
        _release(self._reader)

    async def get(self, patience_s: float) -> bytes | None:
        """The next bytes; b"" when none came within `patience_s` seconds; None at the end."""
        if not self._chunks and not self._ended:
            await self._wait(patience_s)
        if self._chunks:
            chunk = self._chunks.pop(0)
            self._held -= len(chunk)
            if self._held <= MAX_HELD:
                _release(self._writer)
            return chunk
        if not self._ended:
            return b""
        if self._error is not None:
            raise self._error
        return None

    async def _wait(self, patience_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._reader = loop.create_future()
        timer = loop.call_later(patience_s, _release, self._reader)
        try:
            await self._reader
        finally:
            timer.cancel()


def _release(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
