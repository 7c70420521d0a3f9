"""Which dialect a path speaks: whoever refuses a request before its view runs must know how to say so."""

from __future__ import annotations

from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.inbound.base import Inbound
from proxy.inbound.openai_chat import CHAT
from proxy.inbound.openai_responses import RESPONSES

_BY_PREFIX: tuple[tuple[str, Inbound], ...] = (("/v1/chat/", CHAT), ("/v1/responses/", RESPONSES))


def dialect_of(path: str) -> Inbound:
    """The dialect of the clients that call `path`; Anthropic's where no other is known."""
    return next((inbound for prefix, inbound in _BY_PREFIX if f"{path}/".startswith(prefix)), ANTHROPIC)
