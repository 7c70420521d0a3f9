"""A local estimate of a request's tokens, for upstreams that have no counter: cheap, never a model call."""

from __future__ import annotations

import re
from typing import Any

from providers.wire.media import PDF_PAGE_TOKENS, image_tokens, pdf_tokens
from providers.wire.messages import MessagesRequest
from providers.wire.spans import MalformedJson, loads

_PER_MESSAGE = 4
_PER_TOOL = 12

_FREE = {"type", "role", "cache_control", "id", "tool_use_id", "signature", "$schema"}
_ELSEWHERE = {"url", "file"}
"""Sources of documents that the upstream reads itself: how long they are cannot be known here."""

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
        return image_tokens(value), []
    source = value.get("source")
    if kind == "document" and isinstance(source, dict):
        if source.get("type") == "base64":
            return pdf_tokens(len(str(source.get("data", "")))), []
        if source.get("type") in _ELSEWHERE:
            return PDF_PAGE_TOKENS, []
    own = _PER_MESSAGE if "role" in value else _PER_TOOL if "input_schema" in value else 1
    members = [item for key, item in value.items() if key not in _FREE]
    return own + len(members), members
