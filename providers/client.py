"""The one place that makes upstream HTTP calls: one pool per event loop, no redirects, no cookies, no proxy variables.

httpx over the aiohttp transport: httpx's own pool loses slots when requests are
cancelled (encode/httpcore#1093), and a cancelled request is this service's daily bread. The
transport is asked directly: httpx's client around it would only collect cookies, which nobody sends.
"""

from __future__ import annotations

import asyncio
import os
import socket
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from typing import Protocol

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import _EXC_SENTINEL as _NO_CAUSE
from aiohttp.http_exceptions import HttpProcessingError
from httpx_aiohttp import AiohttpTransport

from providers import echo
from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.presets import ECHO_URL
from providers.targets import Timeouts, UpstreamRequest
from providers.wire.inflate import CODINGS, Inflater

_KEEPALIVE_S = 60.0
_RECEIVE_BUFFER = 64 * 1024
"""Bytes of an answer that the kernel holds while our client takes no more; left alone it holds up to 6 MB."""
_READ_BUFFER = 16 * 1024
_transports: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AiohttpTransport] = weakref.WeakKeyDictionary()
_url = lru_cache(maxsize=256)(httpx.URL)
"""Parsed addresses: there are as many as targets, and reading one costs as much as routing a request."""

TRANSPORT_ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError, OSError, ValueError)
"""Everything a broken network or address raises; ValueError covers what URL and header builders refuse."""


class UpstreamResponse(Protocol):
    """An upstream's answer: status and headers now, the body as it comes."""

    status: int
    headers: Mapping[str, str]
    """Lower-case names."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they arrive. Raises UpstreamFailure when the connection breaks."""
        ...

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises UpstreamFailure when it is longer than `limit` bytes or breaks off."""
        ...


class _HttpResponse:
    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw
        }

    def chunks(self) -> AsyncIterator[bytes]:
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        return self._raw() if coding == "identity" else self._inflated(coding)

    async def _raw(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.aiter_raw():
                yield chunk
        except TRANSPORT_ERRORS as error:
            raise UpstreamFailure(_transport_failure(error, "the connection broke off")) from error

    async def _inflated(self, coding: str) -> AsyncIterator[bytes]:
        """The body of an answer that is compressed though nobody asked for it."""
        if coding not in CODINGS:
            raise self._garbled(f"the answer is compressed as {coding[:20]!r}, which was not asked for")
        inflater = Inflater()
        try:
            async for chunk in self._raw():
                for piece in inflater.feed(chunk):
                    yield piece
            inflater.finish()
        except ValueError as error:
            raise self._garbled(str(error)) from error

    def _garbled(self, words: str) -> UpstreamFailure:
        return UpstreamFailure(Failure(FailureKind.GARBLED, words, self.status))

    async def read(self, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                raise self._garbled(f"the answer exceeds {limit} bytes")
            parts.append(chunk)
        return b"".join(parts)


@asynccontextmanager
async def send(request: UpstreamRequest, timeouts: Timeouts) -> AsyncIterator[UpstreamResponse]:
    """Make the call; the connection is released, or cut when unfinished, on leaving the block.

    Raises UpstreamFailure (unreachable, timed_out) when no answer begins.
    """
    if request.url.startswith(ECHO_URL):
        yield await echo.answer(request)
        return
    response = await _open(request, timeouts)
    del request  # its body has been sent, and the answer may take an hour
    try:
        yield _HttpResponse(response)
    finally:
        await response.aclose()


async def _open(request: UpstreamRequest, timeouts: Timeouts) -> httpx.Response:
    # aiohttp's "connect" (httpx: pool) covers name lookup, TCP and TLS together.
    limits = {"connect": timeouts.connect, "pool": timeouts.connect, "read": None, "write": 60.0}
    try:
        outgoing = httpx.Request(
            request.method, _url(request.url), headers=dict(request.headers), content=request.body,
            extensions={"timeout": limits},
        )  # fmt: skip
        return await _transport().handle_async_request(outgoing)
    except TRANSPORT_ERRORS as error:
        raise UpstreamFailure(_transport_failure(error, "no connection")) from error


def _transport_failure(error: BaseException, what: str) -> Failure:
    cause = error.__cause__ or error
    if isinstance(cause, asyncio.TimeoutError | aiohttp.ServerTimeoutError):
        return Failure(FailureKind.TIMED_OUT, f"{what}: timed out")
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return Failure(FailureKind.UNREACHABLE, f"{what}: the host name does not resolve")
    if isinstance(cause, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return Failure(FailureKind.UNREACHABLE, f"{what}: the TLS certificate or handshake failed")
    if isinstance(cause, aiohttp.ClientConnectorError):
        # asyncio's own words hold the address; the number's do not.
        number = cause.os_error.errno
        return Failure(FailureKind.UNREACHABLE, f"{what}: {os.strerror(number) if number else 'connection failed'}")
    if isinstance(cause, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError | ConnectionResetError):
        return Failure(FailureKind.UNREACHABLE, f"{what}: the upstream closed the connection")
    # Only the class is told: such texts may quote an address or a header.
    return Failure(FailureKind.UNREACHABLE, f"{what}: {type(cause).__name__}")


def _transport() -> AiohttpTransport:
    loop = asyncio.get_running_loop()
    transport = _transports.get(loop)
    if transport is None:
        transport = _transports[loop] = AiohttpTransport(client=_session)
    return transport


class _Connection(ResponseHandler):
    """A connection whose body learns at once of bytes that are no HTTP: aiohttp tells only who waits for a head."""

    def set_exception(self, exc: BaseException, exc_cause: BaseException = _NO_CAUSE) -> None:
        super().set_exception(exc, exc_cause)
        body = self._payload
        if isinstance(exc, HttpProcessingError) and body is not None and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("the body is no HTTP"))


def _session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_S, ttl_dns_cache=30, socket_factory=_socket)
    made: Callable[..., ResponseHandler] = _Connection
    connector._factory = partial(made, loop=asyncio.get_running_loop())
    return aiohttp.ClientSession(
        connector=connector,
        trust_env=False,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=_READ_BUFFER,
    )


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    return made


async def close() -> None:
    """Close this loop's connections."""
    transport = _transports.pop(asyncio.get_running_loop(), None)
    if transport is not None:
        await transport.aclose()
