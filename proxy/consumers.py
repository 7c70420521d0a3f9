"""The live tail's WebSocket: staff only, same origin, bounded whoever reads."""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from django import db
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from proxy import tail
from proxy.viewer import Viewer

REFUSED = 4403
AWAY = 4503
"""Closed because Redis or the database does not answer: worth trying again."""
CHECK_EVERY_S = 60.0
BEAT_S = 2.0
PERMISSION = "proxy.view_requestlog"


class TailConsumer(AsyncWebsocketConsumer):
    """Sends batches of events; takes the token of each one that was read, and nothing else.

    Every two seconds something is sent, events or not: a page that hears nothing knows that its connection is dead.
    """

    _watch: asyncio.Task[None] | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve one viewer; while the channel layer is away he is told so, since without it there is no channel."""
        try:
            async with asyncio.timeout(tail.SEND_S):
                await get_channel_layer().group_send(f"{tail.GROUP}-nobody", {"type": "tail.beat"})
        except tail.AWAY:
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": AWAY})
            return
        await super().__call__(scope, receive, send)

    async def connect(self) -> None:
        """Let in who may see the history. The handshake is answered before a refusal, so that the page learns why."""
        self._viewer = Viewer()
        self._heard = True
        await self.accept()
        if not await self._admitted():
            return
        await self.channel_layer.group_add(tail.GROUP, self.channel_name)
        await self._send(even_empty=True)  # from here on nothing is missed
        self._watch = asyncio.create_task(self._look_after())

    async def disconnect(self, code: int) -> None:
        """Leave the group."""
        if self._watch is None:
            return
        self._watch.cancel()
        try:
            async with asyncio.timeout(tail.SEND_S):
                await self.channel_layer.group_discard(tail.GROUP, self.channel_name)
        except tail.AWAY as error:
            tail.log.info("a viewer leaves while the channel layer is away (%r)", error)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One batch was read. Whoever says anything else is not our page."""
        if not self._viewer.read(text_data or ""):
            await self.close(4400)
            return
        await self._send()

    async def tail_batch(self, message: dict[str, Any]) -> None:
        """A batch of some process."""
        self._viewer.feed(message["process"], message["number"], message["events"])
        await self._send()

    async def tail_beat(self, _message: dict[str, Any]) -> None:
        """Our own word has come back: the way by the channel layer is open."""
        self._heard = True

    async def _send(self, *, even_empty: bool = False) -> None:
        while (batch := self._viewer.next_batch(even_empty=even_empty)) is not None:
            await self.send(text_data=json.dumps(batch, ensure_ascii=False))  # bytes, not six times as many
            even_empty = False

    async def _look_after(self) -> None:
        clock = asyncio.get_running_loop().time
        looked = clock()
        while True:
            self._viewer.away = not await self._called_back()
            await self._send(even_empty=True)
            if clock() - looked >= CHECK_EVERY_S:
                looked = clock()
                if not await self._admitted():
                    return

    async def _called_back(self) -> bool:
        """Whether a word to ourselves, sent by the channel layer, is here after a while."""
        self._heard = False
        called = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(tail.SEND_S):
                await self.channel_layer.send(self.channel_name, {"type": "tail.beat"})
        except tail.AWAY:
            self._heard = False
        await asyncio.sleep(max(0.0, called + BEAT_S - asyncio.get_running_loop().time()))
        return self._heard

    async def _admitted(self) -> bool:
        """Whether he may watch; else the socket is closed, and so it is when the database cannot say."""
        try:
            allowed = bool(await database_sync_to_async(_may_watch)(self.scope["session"].session_key))
        except db.Error:
            await self.close(AWAY)
            return False
        if not allowed:
            await self.close(REFUSED)
        return allowed


def _may_watch(session_key: str | None) -> bool:
    """Look the session up anew: since the page was opened it may have ended, or the person have lost the right."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return bool(user.is_active and user.is_staff and user.has_perm(PERMISSION))
