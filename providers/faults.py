"""Failures made on purpose, as they would come from an upstream: for the echo provider's mappings and for drills."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping

from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.wire.spans import dumps

MARK = "drill: "
"""What the words of every failure made on purpose begin with."""


class LocalResponse:
    """An answer made here; looks like any upstream's."""

    def __init__(
        self, status: int, pieces: Iterator[bytes], content_type: str, hang: bool = False, request_id: str = ""
    ) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {"content-type": content_type, "request-id": request_id}
        self._pieces = pieces
        self._hang = hang

    async def chunks(self) -> AsyncIterator[bytes]:
        """The answer, piece by piece."""
        if self._hang:
            await asyncio.Event().wait()
        for piece in self._pieces:
            yield piece
            await asyncio.sleep(0)

    async def read(self, limit: int) -> bytes:
        """The whole answer."""
        return b"".join([chunk async for chunk in self.chunks()])[:limit]


def refusal(status: int, request_id: str = "") -> LocalResponse:
    """An error answer that every wire format reads: the status, and the words that it was made on purpose."""
    error = {"type": "error", "error": {"type": "api_error", "message": f"{MARK}status {status}"}}
    return LocalResponse(status, iter([dumps(error)]), "application/json", request_id=request_id)


def broken_off(characters: int) -> UpstreamFailure:
    """What the network reports when an answer ends after so many characters, ready to raise."""
    return UpstreamFailure(Failure(FailureKind.UNREACHABLE, f"{MARK}cut after {characters} characters"))


def refused() -> UpstreamFailure:
    """What the network reports when nobody listens, ready to raise."""
    return UpstreamFailure(Failure(FailureKind.UNREACHABLE, f"{MARK}no connection: Connection refused"))


def dropped() -> UpstreamFailure:
    """What the network reports when a silent connection is given up, ready to raise."""
    return UpstreamFailure(Failure(FailureKind.UNREACHABLE, f"{MARK}no answer, and the connection broke off"))
