"""Which dialect a path speaks: whoever refuses a request before its view runs must know how to say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from providers.wire.messages import MessagesRequest
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.inbound.base import Inbound
from proxy.inbound.openai_chat import CHAT
from proxy.inbound.openai_responses import RESPONSES

BY_NAME: Mapping[str, Inbound] = {inbound.name: inbound for inbound in (ANTHROPIC, CHAT, RESPONSES)}
"""Every dialect that clients speak, by its name."""

_ASKED_WITH = {"anthropic-version": "2023-06-01", "content-type": "application/json"}
_RESPONSES_ONLY = ("input", "instructions", "previous_response_id", "max_output_tokens")
_MESSAGES_ONLY = ("system", "thinking", "stop_sequences", "output_config", "context_management", "top_k")
_CHAT_ONLY = (
    "max_completion_tokens", "response_format", "reasoning_effort", "stream_options", "functions", "stop", "n",
    "frequency_penalty", "presence_penalty", "parallel_tool_calls", "logit_bias",
)  # fmt: skip
_CHAT_MARKS = (b'"function"', b'"image_url"', b'"tool_calls"', b'"tool_call_id"', b'"developer"')

_BY_PREFIX: tuple[tuple[str, Inbound], ...] = (("/v1/chat/", CHAT), ("/v1/responses/", RESPONSES))


def dialect_of(path: str) -> Inbound:
    """The dialect of the clients that call `path`; Anthropic's where no other is known."""
    return next((inbound for prefix, inbound in _BY_PREFIX if f"{path}/".startswith(prefix)), ANTHROPIC)


def in_messages(body: bytes, name: str) -> MessagesRequest:
    """A body that came in the dialect of this name, in Messages' words alone. Raises ApiError (400, 413).

    For who asks it again in Messages; a name that is not known is taken for Messages.
    """
    return replace(BY_NAME.get(name, ANTHROPIC).parse(body, _ASKED_WITH, "messages", False), source=None)


def dialect_of_members(members: Mapping[str, bytes]) -> Inbound:
    """The dialect that a body's top-level members speak; Messages where they could be either.

    A guess for people who paste a body without its path. No request is served by it.
    """
    if "messages" not in members and any(name in members for name in _RESPONSES_ONLY):
        return RESPONSES
    if any(name in members for name in _MESSAGES_ONLY):
        return ANTHROPIC
    if any(name in members for name in _CHAT_ONLY):
        return CHAT
    inside = members.get("messages", b"") + members.get("tools", b"")
    if b'"input_schema"' in inside or b'"tool_use"' in inside:
        return ANTHROPIC
    return CHAT if any(mark in inside for mark in _CHAT_MARKS) else ANTHROPIC
