"""A request for no tokens at all: Anthropic warms its prompt cache by it, elsewhere there is nothing to call."""

from __future__ import annotations

from collections.abc import Sequence

from providers.outbound.answers import message_id
from providers.wire.blocks import BlockWriter
from providers.wire.messages import MessagesEvent, MessagesRequest, Usage


def empty_answer(messages: MessagesRequest) -> Sequence[MessagesEvent] | None:
    """The events of the empty answer that `max_tokens: 0` asks for; None for every other request."""
    if messages.members.get("max_tokens") != b"0":
        return None
    writer = BlockWriter()
    usage = Usage()
    return [
        *writer.start(message_id("empty", messages), messages.model, usage),
        *writer.finish("max_tokens", usage),
    ]
