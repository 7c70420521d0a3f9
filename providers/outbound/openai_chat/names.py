"""Tool names and ids that Chat refuses, mapped to ones it takes and back: the same for the same request, always."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from providers.wire.messages import MessagesRequest

MAX_NAME = 64
MAX_ID = 64

_LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")


class NameMap:
    """A bijection over the tool names of one request."""

    def __init__(self, names: Iterable[str]) -> None:
        self._sent: dict[str, str] = {}
        self._back: dict[str, str] = {}
        for name in sorted(set(names), key=lambda n: (_LEGAL.fullmatch(n) is None, n)):
            sent = legal_name(name)
            while sent in self._back:
                sent = _hashed(sent + name)
            self._sent[name], self._back[sent] = sent, name

    @classmethod
    def of(cls, messages: MessagesRequest) -> NameMap:
        """The map for the tools that a request offers."""
        tools = messages.parsed.get("tools")
        offered = tools if isinstance(tools, list) else ()
        return cls(tool["name"] for tool in offered if isinstance(tool, dict) and isinstance(tool.get("name"), str))

    def sent(self, name: str) -> str:
        """The name Chat sees."""
        return self._sent.get(name) or legal_name(name)

    def original(self, name: str) -> str:
        """The name the client knows."""
        return self._back.get(name, name)


def legal_name(name: str) -> str:
    """A name as it is when legal, else shortened with a hash that tells it from its likes."""
    return name if _LEGAL.fullmatch(name) else _hashed(name)


def legal_id(tool_id: str) -> str:
    """A tool id as it is when legal, else a hash of it."""
    if _LEGAL.fullmatch(tool_id):
        return tool_id
    return "call_" + hashlib.sha256(tool_id.encode("utf-8", "replace")).hexdigest()[:24]


def _hashed(name: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:10]
    return f"{_ILLEGAL.sub('_', name)[: MAX_NAME - 11]}_{digest}"
