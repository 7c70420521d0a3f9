"""The way of a WebSocket: known host, own origin, session, then the page's consumer."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

from channels.routing import URLRouter
from channels.sessions import SessionMiddlewareStack
from django.conf import settings
from django.urls import path, re_path

from ccmsite.light import App, Receive, Scope, Send, refuse_websocket
from proxy import auth
from proxy.consumers import TailConsumer
from proxy.errors import ApiError

FOREIGN = 4403


def same_origin(headers: dict[str, str]) -> bool:
    """True when the page that opens the socket is ours: its origin is the host it calls, or one the operator trusts.

    The port counts: another program on this machine has the same name, and its pages send our cookies.
    """
    origin = headers.get("origin", "")
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc == headers.get("host", "")


class Guarded:
    """Closes sockets of foreign pages before anything looks at their cookies."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One WebSocket."""
        headers = auth.header_map(scope["headers"])
        try:
            auth.check_host(headers)
        except ApiError:
            allowed = False
        else:
            allowed = same_origin(headers)
        if allowed:
            await self._app(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": FOREIGN})


def websocket_app() -> Guarded:
    """Every WebSocket of ours; an address that is none is refused."""
    consumer, elsewhere = cast(Any, TailConsumer.as_asgi()), cast(Any, refuse_websocket)  # typed for Django's views
    routes = [path("admin/live/socket/", consumer), re_path(r"", elsewhere)]
    return Guarded(SessionMiddlewareStack(URLRouter(routes)))
