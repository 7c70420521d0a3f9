"""What a client has been sent of an upstream's own Responses stream: whoever ends or goes on with it needs to know."""

from __future__ import annotations

import re
from typing import Any

from providers.wire.spans import MalformedJson, loads
from providers.wire.sse import SseDecoder

_NUMBER = re.compile(rb'"sequence_number"\s*:\s*(\d{1,12})')
_LOOKED_AT = (b"response.output_item.", b"response.created")


class NativeAnswer:
    """Feed it every frame; only the few that begin or end something are read."""

    def __init__(self) -> None:
        self.id = ""
        """The response's id."""
        self.items: list[dict[str, Any]] = []
        """The items that are done."""
        self.message_id = ""
        """The id of the message that was begun last."""
        self.next_index = 0
        """The `output_index` after all that were used."""
        self._last = b""

    @property
    def number(self) -> int:
        """The `sequence_number` that is due."""
        found = _NUMBER.search(self._last)
        return int(found[1]) + 1 if found else 0

    @property
    def begun(self) -> bool:
        """True once a frame was sent."""
        return bool(self._last)

    def note(self, frame: bytes) -> None:
        """One frame, as it is sent."""
        if not frame:
            return
        self._last = frame
        if any(words in frame for words in _LOOKED_AT):
            for event in SseDecoder().feed(frame):
                self._read(event.data)

    def _read(self, data: bytes) -> None:
        try:
            payload = loads(data)
        except MalformedJson:
            return
        payload = payload if isinstance(payload, dict) else {}
        item, response, index = payload.get("item"), payload.get("response"), payload.get("output_index")
        if isinstance(response, dict) and isinstance(response.get("id"), str):
            self.id = response["id"]
        if isinstance(index, int):
            self.next_index = max(self.next_index, index + 1)
        if not isinstance(item, dict):
            return
        if payload.get("type") == "response.output_item.done":
            self.items.append(item)
        elif item.get("type") == "message":
            self.message_id = str(item.get("id") or "")
