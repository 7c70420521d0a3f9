"""Server-sent events: bytes to events, incrementally, on raw bytes.

Lines end at LF, CRLF or CR and nowhere else: U+2028 and U+0085 are legal inside JSON.
Every event keeps the bytes it came in, so that a relay can forward it untouched.
Source: WHATWG HTML, section 9.2 (server-sent events).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_EVENT_BYTES = 8 * 1024 * 1024

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOUNDARY = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_BOM = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """One event exceeded the cap before it ended."""


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event: its name ("" when the upstream sent none), its data, and the frame as received."""

    name: str
    data: bytes
    frame: bytes

    @property
    def is_comment(self) -> bool:
        """True for a frame with neither a name nor data, such as a keepalive comment."""
        return not self.name and not self.data


class SseDecoder:
    """Feed it chunks cut anywhere; it hands back whole events. Raises EventTooLarge."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._rest = b""
        self._first = True

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that `chunk` completes."""
        text = self._rest + chunk if self._rest else chunk
        if self._first:
            if len(text) < len(_BOM) and _BOM.startswith(text):
                self._rest = text
                return []
            text = text.removeprefix(_BOM)
            self._first = False
        frames, self._rest = _split_lf(text) if b"\r" not in text else _split_any(text)
        if len(self._rest) > self._max:
            raise EventTooLarge(f"an upstream event exceeds {self._max} bytes")
        return [_parse(frame) for frame in frames]

    def finish(self) -> list[ServerSentEvent]:
        """The event that the end of the stream completes, if its last blank line was missing."""
        rest, self._rest = self._rest, b""
        return [_parse(rest.rstrip(b"\r\n") + b"\n\n")] if rest.strip(b"\r\n") else []


def _split_lf(text: bytes) -> tuple[list[bytes], bytes]:
    *frames, rest = text.split(b"\n\n")
    return [frame + b"\n\n" for frame in frames if frame], rest


def _split_any(text: bytes) -> tuple[list[bytes], bytes]:
    # A CR at the very end may be half of a CRLF: it waits for the next chunk.
    held = b"\r" if text.endswith(b"\r") else b""
    body = text[: len(text) - len(held)]
    frames: list[bytes] = []
    at = 0
    for found in _BOUNDARY.finditer(body):
        if found.start() > at:
            frames.append(body[at : found.end()])
        at = found.end()
    return frames, body[at:] + held


def _parse(frame: bytes) -> ServerSentEvent:
    name, data = "", []
    lines = frame.split(b"\n") if b"\r" not in frame else _LINE_END.split(frame)
    for line in lines:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return ServerSentEvent(name, data[0] if len(data) == 1 else b"\n".join(data), frame)
