"""A light ASGI handler for the proxied paths: no middleware, no signals, no thread per stream.

Django's own handler costs each request 0.5 to 3 ms and each stream an operating system
thread. The views behind this one stay ordinary Django async views.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property, lru_cache
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict
from django.http.response import StreamingHttpResponse
from django.urls import resolve as look_up

from proxy import auth, snapshot, views
from proxy.errors import ApiError, bad_request
from proxy.inbound.dialects import dialect_of
from proxy.request_id import new_request_id

log = logging.getLogger("ccmsite.light")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_OWN_PATHS = {"/v1", "/health", "/healthz", "/readyz", "/api/hello", "/api/statusline", "/metrics"}
CHECK_FIRST_BYTES = 256 * 1024
"""More of a body than this is only read once the client has shown a key."""


class ClientLeft(Exception):
    """The client hung up before its request was read."""


class LightHandler:
    """Serves the proxy's paths itself and hands all others to `fallback`."""

    def __init__(self, fallback: App) -> None:
        self._fallback = fallback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        path: str = scope["path"]
        if path == "/" and scope["method"] == "HEAD":
            await _send(HttpResponse(), send)
        elif path.startswith("/v1/") or path in _OWN_PATHS:
            await self._serve(scope, receive, send)
        else:
            try:
                auth.check_host(auth.header_map(scope["headers"]))  # Django's own answer is a page that names no fix
            except ApiError as error:
                await _send(_refusal(scope, error), send)
                return
            await self._fallback(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await _read_body(scope, receive)
        except ClientLeft:
            return
        except ApiError as error:
            await _send(_refusal(scope, error), send)
            return
        leaving = _Departure(receive)
        try:
            response = await _respond(scope, body)
            del body  # a stream may go on for an hour
            try:
                await _send(response, send)
            finally:
                _release(response)
        except asyncio.CancelledError:
            if not leaving.client_left:
                raise
        finally:
            leaving.stop()


def _release(response: HttpResponseBase) -> None:
    # Not response.close(): that also sends request_finished, whose receivers are about database
    # connections that this path never opens.
    for close in response._resource_closers:  # type: ignore[attr-defined]
        close()


class _Departure:
    """Watches for the client's departure and then cancels the task that serves it."""

    def __init__(self, receive: Receive) -> None:
        self.client_left = False
        self._serving = asyncio.current_task()
        self._watch = asyncio.create_task(self._wait(receive))

    async def _wait(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.client_left = True
        if self._serving is not None:
            self._serving.cancel()

    def stop(self) -> None:
        self._watch.cancel()


class LightRequest(ASGIRequest):
    """Django's request for views that ask little of it: what Django reads from the headers is read when asked for."""

    def __init__(self, scope: Scope, body: bytes) -> None:
        self.scope = scope
        self.path = scope["path"]
        self.method = scope["method"].upper()
        self._body = body

    @cached_property
    def GET(self) -> QueryDict:  # type: ignore[override]
        """The query parameters."""
        return QueryDict(self.scope.get("query_string", b"").decode())

    def __getattr__(self, name: str) -> Any:
        # Asked for META, content_type or the like: become the whole of it.
        if name.startswith("__") or "scope" not in self.__dict__:
            raise AttributeError(name)
        whole = ASGIRequest(self.scope, BytesIO(self._body))
        self.__dict__ = {**whole.__dict__, **self.__dict__}
        return object.__getattribute__(self, name)


resolve = lru_cache(maxsize=64)(look_up)
"""The view of a path; a path that has none raises Http404 each time."""


async def _respond(scope: Scope, body: bytes) -> HttpResponseBase:
    try:
        request = LightRequest(scope, body)
        match = resolve(scope["path"])
        response: HttpResponseBase = await match.func(request, *match.args, **match.kwargs)
        return response
    except Http404:
        return _refusal(scope, ApiError(404, "not_found_error", "there is nothing at this path"))
    except (SuspiciousOperation, BadRequest, UnicodeError, ValueError) as error:
        log.info("a request could not be understood: %s", type(error).__name__)
        return _refusal(scope, bad_request("the request cannot be understood"))
    except Exception:
        log.exception("a view failed")
        return _refusal(scope, ApiError(500, "api_error", "the proxy failed on this request; its log says why"))


def _refusal(scope: Scope, error: ApiError) -> HttpResponse:
    response = views.error_response(error, dialect_of(scope["path"]), new_request_id())
    if error.status == 413:
        response["connection"] = "close"
    return response


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body. Raises ApiError (413, or what the check of the key says) and ClientLeft."""
    limit: int = settings.CCM_MAX_BODY_BYTES
    header = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    announced = int(header[:15]) if header.isdigit() else 0
    if announced > limit:
        raise _too_large(limit)
    admitted = False
    parts: list[bytes] = []
    size = 0
    while True:
        if not admitted and max(announced, size) > CHECK_FIRST_BYTES:
            auth.check(auth.header_map(scope["headers"]), (scope.get("client") or ("", 0))[0], await snapshot.current())
            admitted = True
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "request_too_large", f"the request body exceeds {limit} bytes (CCM_MAX_BODY_MB)")


async def _send(response: HttpResponseBase, send: Send) -> None:
    headers = [(name.encode("latin-1").lower(), value.encode("latin-1")) for name, value in response.items()]
    streamed = isinstance(response, StreamingHttpResponse)
    if not streamed:
        assert isinstance(response, HttpResponse)
        headers.append((b"content-length", str(len(response.content)).encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    if isinstance(response, StreamingHttpResponse):
        async for chunk in response:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    elif isinstance(response, HttpResponse):
        await send({"type": "http.response.body", "body": response.content, "more_body": False})


async def refuse_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """No page of ours opens a WebSocket there; whoever knocks is told no."""
    await receive()
    await send({"type": "websocket.close", "code": 4404})
