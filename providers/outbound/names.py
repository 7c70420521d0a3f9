"""Tool names and ids that a wire format refuses, mapped to ones it takes and back: the same for the same request."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from providers.outbound.tool_changes import described_tools
from providers.wire.messages import MessagesRequest

MAX_NAME = 64

_LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")
LEADING_LETTER = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")
"""The rule of formats whose names may not begin with a digit or a dash."""
_SHORT = re.compile(r"[a-zA-Z0-9]{9}")
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")


class NameMap:
    """A bijection over the tool names of one request. `legal` is what the target takes, at most 64 characters."""

    def __init__(self, names: Iterable[str], legal: re.Pattern[str] = _LEGAL) -> None:
        self._legal = legal
        self._sent: dict[str, str] = {}
        self._back: dict[str, str] = {}
        for name in sorted(set(names), key=lambda n: (legal.fullmatch(n) is None, n)):
            sent = legal_name(name, legal)
            while sent in self._back:
                sent = _hashed(sent + name)
            self._sent[name], self._back[sent] = sent, name

    @classmethod
    def of(cls, messages: MessagesRequest, legal: re.Pattern[str] = _LEGAL) -> NameMap:
        """The map for the tools that a request describes, be it amid its conversation."""
        described = described_tools(messages.parsed)
        names = (tool["name"] for tool in described if isinstance(tool, dict) and isinstance(tool.get("name"), str))
        return cls(names, legal)

    def sent(self, name: str) -> str:
        """The name the upstream sees."""
        return self._sent.get(name) or legal_name(name, self._legal)

    def original(self, name: str) -> str:
        """The name the client knows."""
        return self._back.get(name, name)


def legal_name(name: str, legal: re.Pattern[str] = _LEGAL) -> str:
    """A name as it is when legal, else shortened with a hash that tells it from its likes."""
    return name if legal.fullmatch(name) else _hashed(name)


def legal_id(tool_id: str) -> str:
    """A tool id as it is when legal, else a hash of it."""
    if _LEGAL.fullmatch(tool_id):
        return tool_id
    return "call_" + hashlib.sha256(tool_id.encode("utf-8", "replace")).hexdigest()[:24]


def short_id(tool_id: str) -> str:
    """A tool id of nine letters and digits, for servers that take no other."""
    if _SHORT.fullmatch(tool_id):
        return tool_id
    return hashlib.sha256(tool_id.encode("utf-8", "replace")).hexdigest()[:9]


def _hashed(name: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:10]
    readable = _ILLEGAL.sub("_", name)
    if not LEADING_LETTER.match(readable):
        readable = f"_{readable}"
    return f"{readable[: MAX_NAME - 11]}_{digest}"
