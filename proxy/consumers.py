"""The live tail's WebSocket: staff only, same origin, bounded whoever reads."""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from proxy import tail
from proxy.viewer import Viewer

REFUSED = 4403
CHECK_EVERY_S = 60.0
PERMISSION = "proxy.view_requestlog"


class TailConsumer(AsyncWebsocketConsumer):
    """Sends batches of events; takes "read" for each one that was read, and nothing else."""

    async def connect(self) -> None:
        """Let in who may see the history. The handshake is answered before a refusal, so that the page learns why."""
        self._viewer = Viewer()
        self._watch: asyncio.Task[None] | None = None
        await self.accept()
        if not await self._may():
            await self.close(REFUSED)
            return
        await self.channel_layer.group_add(tail.GROUP, self.channel_name)
        await self.send(text_data=json.dumps({"events": [], "dropped": 0}))  # from here on nothing is missed
        self._watch = asyncio.create_task(self._check())

    async def disconnect(self, code: int) -> None:
        """Leave the group."""
        if self._watch is not None:
            self._watch.cancel()
            await self.channel_layer.group_discard(tail.GROUP, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One batch was read. Whoever says anything else is not our page."""
        if text_data != "read":
            await self.close(4400)
            return
        self._viewer.read()
        await self._send()

    async def tail_batch(self, message: dict[str, Any]) -> None:
        """A batch of some process."""
        self._viewer.feed(message["process"], message["number"], message["events"])
        await self._send()

    async def _send(self) -> None:
        while (batch := self._viewer.next_batch()) is not None:
            await self.send(text_data=json.dumps(batch))

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            if not await self._may():
                await self.close(REFUSED)
                return

    async def _may(self) -> bool:
        return bool(await database_sync_to_async(_may_watch)(self.scope["session"].session_key))


def _may_watch(session_key: str | None) -> bool:
    """Look the session up anew: since the page was opened it may have ended, or the person have lost the right."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return bool(user.is_active and user.is_staff and user.has_perm(PERMISSION))
