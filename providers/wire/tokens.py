"""A local estimate of a request's tokens, for upstreams that have no counter: cheap, never a model call.

Tokens of a text are a weighted sum of what is quickly counted in its bytes. The weights are a least-squares fit to
published vocabularies (Claude 2's, and for other scripts the middle between it and o200k), over code in seven
languages, JSON, Markdown, logs, hashes and prose in ten scripts. Later Claude models count somewhat more, other
vendors somewhat less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, AnyStr

from providers.wire.media import PDF_PAGE_TOKENS, image_tokens, pdf_tokens
from providers.wire.messages import MessagesRequest
from providers.wire.spans import MalformedJson, loads

_PER_MESSAGE = 4
_PER_TOOL = 12
_LONG_TEXT = 1000
"""Characters from which a text is worth remembering: conversations send the same ones again with each turn."""
_REMEMBERED = 4096

_FREE = frozenset({"type", "role", "cache_control", "id", "tool_use_id", "signature"})
_FREE_IN_TOOLS = frozenset({"cache_control", "$schema"})
_NONE_FREE: frozenset[str] = frozenset()
_ELSEWHERE = frozenset({"url", "file"})
"""Sources of documents that the upstream reads itself: how long they are cannot be known here."""
_BETWEEN = '":"'


_UPPER, _LOWER, _DIGITS = bytes(range(65, 91)), bytes(range(97, 123)), bytes(range(48, 58))
_PUNCTUATION = bytes(set(range(0x21, 0x7F)) - set(_UPPER + _LOWER + _DIGITS))


def _all_but(kept: Iterable[int]) -> bytes:
    return bytes(set(range(256)) - set(kept))


def _classes(*named: tuple[bytes, bytes]) -> bytes:
    """A table for `translate`: members of each class become its name, everything else a space."""
    of = {member: name for name, members in named for member in members}
    return b"".join(of.get(byte, b" ") for byte in range(256))


_AS_CASE = _classes((b"a", _LOWER), (b"A", _UPPER))
_AS_DIGITS = _classes((b"0", _DIGITS))
_AS_PUNCTUATION = _classes((b".", _PUNCTUATION))
_NO_CAPITALS = _all_but(_UPPER)
_NO_DIGITS, _NO_PUNCTUATION, _NO_NEWLINES, _NO_TABS = map(_all_but, (_DIGITS, _PUNCTUATION, b"\n", b"\t"))
_NO_LEADS_2, _NO_LEADS_3, _NO_LEADS_4 = map(_all_but, (range(0xC2, 0xE0), range(0xE0, 0xF0), range(0xF0, 256)))
"""The first bytes of characters of two, three and four bytes."""


class Remembered:
    """Counts by what was counted, oldest forgotten first; keeps hashes and numbers, never the texts."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[tuple[int, int], int] = {}
        self.hits = 0

    def __len__(self) -> int:
        return len(self._counts)

    def count(self, content: AnyStr, counted: Callable[[AnyStr], int]) -> int:
        """The count of `content`, by `counted` unless it is known."""
        key = (hash(content), len(content))
        known = self._counts.get(key)
        if known is not None:
            self.hits += 1
            return known
        while len(self._counts) >= self._limit:
            self._counts.pop(next(iter(self._counts)), None)
        self._counts[key] = counts = counted(content)
        return counts


TEXTS, PARTS = Remembered(_REMEMBERED), Remembered(_REMEMBERED)


def estimate_text(text: str) -> int:
    """Tokens of a text, within a fifth of what tokenizers say for code, JSON and Markdown."""
    return _weighed(text) if len(text) < _LONG_TEXT else TEXTS.count(text, _weighed)


def _weighed(text: str) -> int:
    raw = text.encode("utf-8", "replace")
    case, digits, marks = (raw.translate(table) for table in (_AS_CASE, _AS_DIGITS, _AS_PUNCTUATION))
    hundredths = (
        125 * _left(raw.title(), _NO_CAPITALS)  # words: each has one capital now
        + 100 * case.count(b"a" * 12)
        + 100 * case.count(b"aA")
        + 50 * case.count(b"AA")
        + 80 * len(digits.split())  # numbers
        + 30 * _left(raw, _NO_DIGITS)
        + 40 * _left(raw, _NO_PUNCTUATION)
        - 240 * marks.count(b"." * 8)  # rulers are cheap
        - 60 * (raw.count(b'":"') + raw.count(b'","'))  # one token each in compact JSON
        + 160 * _left(raw, _NO_NEWLINES)
        + 65 * _left(raw, _NO_TABS)
        + 40 * raw.count(b" " * 16)
    )
    if not text.isascii():
        hundredths += 45 * _left(raw, _NO_LEADS_2) + 85 * _left(raw, _NO_LEADS_3) + 250 * _left(raw, _NO_LEADS_4)
    return (hundredths + 49) // 100


def _left(raw: bytes, unwanted: bytes) -> int:
    """How many bytes are left without the unwanted ones: much quicker than `count` of what is frequent."""
    return len(raw.translate(None, unwanted))


def estimate_tokens(messages: MessagesRequest) -> int:
    """Tokens of a whole request: system, messages and tools; media by their size, base64 never as text."""
    total = 0
    for key, count in (("system", _of_content), ("messages", _of_content), ("tools", _of_tools)):
        raw = messages.members.get(key)
        if raw is not None:
            total += PARTS.count(raw, count)
    return max(1, total)


def _of_content(raw: bytes) -> int:
    return _estimate(_parsed(raw), _FREE)


def _of_tools(raw: bytes) -> int:
    return _estimate(_parsed(raw), _FREE_IN_TOOLS)


def _parsed(raw: bytes) -> Any:
    try:
        return loads(raw)
    except MalformedJson:
        return raw.decode("utf-8", "replace")


def _estimate(value: Any, free: frozenset[str]) -> int:
    total = 0
    short: list[str] = []  # counted as one text: that is much quicker
    todo = [(value, free)]
    while todo:  # not by recursion: a schema may be nested deeper than Python's stack
        item, free = todo.pop()
        if isinstance(item, str):
            if len(item) < _LONG_TEXT:
                short.append(item)
            else:
                total += estimate_text(item)
        elif isinstance(item, list):
            todo += [(member, free) for member in item]
        elif isinstance(item, dict):
            tokens, members = _estimate_object(item, free)
            total += tokens
            todo += members
            if free is not _FREE:  # a tool's schema and its input are read as JSON, names and all
                short += item.keys() - free
        else:
            total += 1
    return total + _weighed(_BETWEEN.join(short))


def _estimate_object(value: dict[str, Any], free: frozenset[str]) -> tuple[int, Iterable[tuple[Any, frozenset[str]]]]:
    """An object's own tokens, and its members that are still to be counted."""
    if free is not _FREE:
        own = _PER_TOOL if "input_schema" in value else 1
        return own, [(item, free) for key, item in value.items() if key not in free]
    kind, source = value.get("type"), value.get("source")
    if kind == "image":
        return image_tokens(value), []
    if kind == "document" and isinstance(source, dict):
        if source.get("type") == "base64":
            return pdf_tokens(len(str(source.get("data", "")))), []
        if source.get("type") in _ELSEWHERE:
            return PDF_PAGE_TOKENS, []
    own = _PER_MESSAGE if "role" in value else 1
    members = [
        (item, _NONE_FREE if key == "input" else free) for key, item in value.items() if key not in free
    ]  # fmt: skip
    return own + len(members), members
