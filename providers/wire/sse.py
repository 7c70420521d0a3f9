"""Server-sent events: bytes to events, incrementally, on raw bytes.

Lines end at LF, CRLF or CR and nowhere else: U+2028 and U+0085 are legal inside JSON.
Every event keeps the bytes it came in, so that a relay can forward it untouched.
Source: WHATWG HTML, section 9.2 (server-sent events).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
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
        self._rest = bytearray()
        self._first = True
        self._has_cr = False

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that `chunk` completes."""
        rest = self._rest
        # A boundary has up to four bytes: one that was not there before starts among the last three.
        searched = max(0, len(rest) - 3)
        rest += chunk
        if self._first:
            if len(rest) < len(_BOM) and _BOM.startswith(rest):
                return []
            if rest.startswith(_BOM):
                del rest[: len(_BOM)]
            self._first, searched = False, 0
        self._has_cr = self._has_cr or b"\r" in chunk
        frames: list[bytes] = []
        at = 0
        for end in _boundaries(rest, searched) if self._has_cr else _lf_boundaries(rest, searched):
            frames.append(bytes(rest[at:end]))
            at = end
        del rest[:at]
        if len(rest) > self._max:
            raise EventTooLarge(f"an upstream event exceeds {self._max} bytes")
        return [_parse(frame) for frame in frames if frame.strip(b"\r\n")]

    def finish(self) -> list[ServerSentEvent]:
        """The event that the end of the stream completes, if its last blank line was missing."""
        rest = bytes(self._rest).rstrip(b"\r\n")
        self._rest.clear()
        return [_parse(rest + b"\n\n")] if rest else []


def _lf_boundaries(text: bytearray, start: int) -> Iterator[int]:
    while (found := text.find(b"\n\n", start)) >= 0:
        start = found + 2
        yield start


def _boundaries(text: bytearray, start: int) -> list[int]:
    # A CR at the very end may be half of a CRLF: it waits for the next chunk.
    stop = len(text) - text.endswith(b"\r")
    return [found.end() for found in _BOUNDARY.finditer(text, start, stop)]


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
