"""Where the parts of a JSON text stand, so that one part can be replaced and the rest kept to the byte.

msgspec finds the values in one pass in C; walking over them with their lengths gives
the offsets. A 200 kB body costs about 0.1 ms, a full parse and dump ten times that.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

_BLANK = re.compile(rb"[ \t\n\r]*")
_KEY = re.compile(rb'[ \t\n\r]*("(?:[^"\\]|\\.)*")[ \t\n\r]*:[ \t\n\r]*')
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a proper pair
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"  # half of one
    rb"|\\."
)
_PIECE = 16 * 1024
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


class MalformedJson(ValueError):
    """The text is not the JSON we need; the message says where and why, in one line."""


class NotUtf8(MalformedJson):
    """Some byte of the text is no UTF-8."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of byte offsets."""

    start: int
    end: int

    def of(self, text: bytes) -> bytes:
        """The bytes this span covers in `text`."""
        return text[self.start : self.end]


def scan_object(text: bytes) -> dict[str, bytes]:
    """The top-level members of a JSON object, each value as the bytes it was written with.

    The last of duplicate keys wins, as in every JSON parser we know. A text that the
    fast parser refuses but that is legal JSON (lone surrogates) is read by the standard
    library instead. Raises MalformedJson.
    """
    try:
        return {key: bytes(raw) for key, raw in _OBJECT.decode(text).items()}
    except msgspec.ValidationError as error:
        raise MalformedJson("the body must be a JSON object") from error
    except RecursionError as error:
        raise MalformedJson("the JSON is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _scan_leniently(text, error)


def _scan_leniently(text: bytes, cause: Exception) -> dict[str, bytes]:
    stand_in = _without_lone_surrogates(text)
    try:
        members = {key: bytes(raw) for key, raw in _OBJECT.decode(stand_in).items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        loads(text, cause)  # raises with the better message
        raise MalformedJson(f"the body is not valid JSON: {cause}") from cause
    spans = member_spans(stand_in, members)
    return members if spans is None else {key: span.of(text) for key, span in spans.items()}


def _without_lone_surrogates(text: bytes) -> bytes:
    """The text with each lone surrogate escape made U+FFFD: same length, so the same offsets."""
    return _ESCAPE.sub(lambda found: b"\\ufffd" if found[1] else found[0], text)


def loads(text: bytes, cause: Exception | None = None) -> Any:
    """Parse any JSON text, lone surrogates included; NaN and Infinity are refused. Raises MalformedJson."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(text.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise NotUtf8(f"the body is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise MalformedJson("the JSON is nested too deeply") from error
    except ValueError as error:
        raise MalformedJson(f"the body is not valid JSON: {cause or error}") from error


def loads_told(text: bytes) -> Any:
    """As `loads`, for what an upstream says: bytes that are no UTF-8 become U+FFFD. Raises MalformedJson."""
    try:
        return loads(text)
    except NotUtf8:
        return loads(text.decode("utf-8", "replace").encode())


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def dumps(value: Any) -> bytes:
    """Compact JSON; a lone surrogate, which UTF-8 cannot carry, stays escaped."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def member_spans(text: bytes, members: Mapping[str, bytes]) -> dict[str, Span] | None:
    """Where each member's value stands in `text`, or None when the walk does not fit.

    It does not fit when a key is repeated; the caller then writes the object anew from `members`.
    """
    found = _offsets(text, members)
    return None if found is None else {key: Span(at, at + len(members[key])) for key, at in found.items()}


def _offsets(text: bytes, members: Mapping[str, bytes]) -> dict[str, int] | None:
    offsets: dict[str, int] = {}
    at = _end_of_blank(text, 0)
    if text[at : at + 1] != b"{":
        return None
    at += 1
    for key, raw in members.items():
        found = _KEY.match(text, at)
        if found is None or not _names(found[1], key) or not text.startswith(raw, found.end()):
            return None
        offsets[key] = found.end()
        at = found.end() + len(raw)
        if text[at : at + 1] != b",":
            at = _end_of_blank(text, at)
        if text[at : at + 1] == b",":
            at += 1
    at = _end_of_blank(text, at)
    return offsets if text[at : at + 1] == b"}" else None


def _names(quoted: bytes, key: str) -> bool:
    if b"\\" in quoted:
        quoted = _without_lone_surrogates(quoted)
    return decode_string(quoted) == key


def item_spans(text: bytes, within: Span) -> list[Span] | None:
    """Where each item of the JSON array at `within` stands in `text`; None when it is no plain array."""
    part = within.of(text)
    items = _items(part)
    if items is None:
        items = _items(_without_lone_surrogates(part))
    if items is None:
        return None
    spans: list[Span] = []
    at = within.start + part.index(b"[") + 1
    for item in items:
        at = _end_of_blank(text, at)
        spans.append(Span(at, at + len(bytes(item))))
        at = _end_of_blank(text, spans[-1].end) + 1
    return spans


def _items(text: bytes) -> list[msgspec.Raw] | None:
    try:
        return _ARRAY.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def splice(text: bytes, edits: Iterable[tuple[Span, bytes]]) -> bytes:
    """`text` with each span replaced; spans must not overlap."""
    parts: list[bytes] = []
    at = 0
    for span, replacement in sorted(edits, key=lambda edit: edit[0].start):
        parts += (text[at : span.start], replacement)
        at = span.end
    parts.append(text[at:])
    return b"".join(parts)


def join_object(members: Mapping[str, bytes]) -> bytes:
    """A JSON object written from its members' bytes."""
    return b"{" + b",".join(dumps(key) + b":" + raw for key, raw in members.items()) + b"}"


def with_member(text: bytes, members: Mapping[str, bytes], key: str, value: bytes) -> bytes:
    """The object `text`, whose members are known, with one value replaced, or added, and every other byte kept."""
    offsets = _offsets(text, members)
    if offsets is None or key not in offsets:
        return join_object({**members, key: value})
    at = offsets[key]
    return b"".join((text[:at], value, text[at + len(members[key]) :]))


def replace_member(text: bytes, key: str, value: bytes) -> bytes:
    """The object `text` with one top-level member's value replaced and every other byte kept.

    An absent member is not added. Raises MalformedJson.
    """
    members = scan_object(text)
    return with_member(text, members, key, value) if key in members else text


def utf8_fault(text: bytes) -> int | None:
    """The offset of the first byte that is not UTF-8, or None."""
    # Piece by piece: making one large string takes three times as long.
    view, at = memoryview(text), 0
    try:
        while at < len(text):
            last = at + _PIECE >= len(text)
            at += codecs.utf_8_decode(view[at : at + _PIECE], "strict", last)[1]
    except UnicodeDecodeError as error:
        return at + error.start
    return None


def _end_of_blank(text: bytes, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def decode_string(quoted: bytes) -> str | None:
    """The value of a quoted JSON string, or None when it is no such thing."""
    if len(quoted) < 2 or quoted[:1] != b'"':
        return None
    if b"\\" not in quoted:
        return quoted[1:-1].decode("utf-8", "replace")
    try:
        decoded: str = json.loads(quoted)
    except ValueError:
        return None
    return decoded
