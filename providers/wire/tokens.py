"""A local estimate of a request's tokens, for upstreams that have no counter: cheap, never a model call."""

from __future__ import annotations

import re
from typing import Any

from providers.wire.messages import MessagesRequest
from providers.wire.spans import MalformedJson, loads

IMAGE_TOKENS = 1500
PDF_PAGE_TOKENS = 2000
_PDF_PAGE_BASE64 = 100_000
_PER_MESSAGE = 4
_PER_TOOL = 12

_FREE = {"type", "role", "cache_control", "id", "tool_use_id", "signature", "$schema"}

_WORDS = re.compile(rb"[A-Za-z]+|[0-9]+|[\x80-\xff]+|[^\x00-\x20A-Za-z0-9\x80-\xff]+")


def estimate_text(text: str) -> int:
    """Tokens of a text: words cost one token per six letters, digits one per three, other scripts one per character."""
    total = 0
    for piece in _WORDS.findall(text.encode("utf-8", "replace")):
        first = piece[0]
        if first >= 0x80 or 0x30 <= first <= 0x39:
            total += (len(piece) + 2) // 3
        elif first in _LETTERS:
            total += (len(piece) + 5) // 6
        else:
            total += (len(piece) + 1) // 2
    return total


_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def estimate_tokens(messages: MessagesRequest) -> int:
    """Tokens of a whole request: system, messages and tools; media by their size, base64 never as text."""
    total = 0
    for key in ("system", "messages", "tools"):
        raw = messages.members.get(key)
        if raw is not None:
            total += _estimate(_parsed(raw))
    return max(1, total)


def _parsed(raw: bytes) -> Any:
    try:
        return loads(raw)
    except MalformedJson:
        return raw.decode("utf-8", "replace")


def _estimate(value: Any) -> int:
    total = 0
    todo = [value]
    while todo:  # not by recursion: a schema may be nested deeper than Python's stack
        item = todo.pop()
        if isinstance(item, str):
            total += estimate_text(item)
        elif isinstance(item, list):
            todo += item
        elif isinstance(item, dict):
            tokens, members = _estimate_object(item)
            total += tokens
            todo += members
        else:
            total += 1
    return total


def _estimate_object(value: dict[str, Any]) -> tuple[int, list[Any]]:
    """An object's own tokens, and its members that are still to be counted."""
    kind = value.get("type")
    if kind == "image":
        return IMAGE_TOKENS, []
    source = value.get("source")
    if kind == "document" and isinstance(source, dict) and source.get("type") == "base64":
        return PDF_PAGE_TOKENS * (1 + len(str(source.get("data", ""))) // _PDF_PAGE_BASE64), []
    own = _PER_MESSAGE if "role" in value else _PER_TOOL if "input_schema" in value else 1
    members = [item for key, item in value.items() if key not in _FREE]
    return own + len(members), members
