"""A Messages request in the words of Chat Completions.

The same request makes the same bytes, and the messages of a later turn begin with those of
the earlier one: upstream prompt caches live on it.
Source: OpenAI's Chat Completions reference; quirks of compatible servers are in the preset.
"""

from __future__ import annotations

from typing import Any

from providers.outbound.effort import clamp_effort, effective_effort, thinking_type
from providers.outbound.identity import cache_key, safety_identifier
from providers.outbound.names import NameMap
from providers.outbound.openai_chat.conversation import Conversation
from providers.outbound.openai_chat.tools import chat_tools, tool_choice
from providers.outbound.prompt import system_text
from providers.outbound.stops import stop_sequences
from providers.outbound.structured import is_strict, schema_in_words, wanted_schema
from providers.outbound.toolset import toolset
from providers.presets import Quirks
from providers.targets import Target
from providers.wire.messages import MessagesRequest


def build_body(messages: MessagesRequest, target: Target) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body of `/chat/completions`, and what does not arrive as it was asked for, in a few words each.

    Raises UpstreamFailure (rejected) for media the target cannot take.
    """
    source, quirks = messages.parsed, target.preset.quirks
    names = NameMap.of(messages)
    offered = toolset(source)
    tools = chat_tools(offered.tools, names)
    schema = None if quirks.json_schema else wanted_schema(source)
    in_words = schema_in_words(schema) if schema else ""
    system = "\n\n".join(filter(None, [system_text(source.get("system")), offered.without(), in_words]))
    conversation = Conversation(quirks, names, target.origin)
    if system:
        conversation.system(system)
    for message in source.get("messages") or ():
        if isinstance(message, dict):
            conversation.add(message)
    body: dict[str, Any] = {"model": target.actual_model, "messages": conversation.finish()}
    if tools:
        body["tools"] = tools
        body |= tool_choice(source.get("tool_choice"), tools, names, quirks)
    body |= _limits(messages, target)
    body |= _effort(source, quirks)
    body |= _format(source, quirks)
    if quirks.cache_key:
        named = {"prompt_cache_key": cache_key(messages), "safety_identifier": safety_identifier(messages)}
        body |= {key: name for key, name in named.items() if name is not None}
    if messages.stream:
        body["stream"] = True
        if quirks.stream_usage:
            body["stream_options"] = {"include_usage": True}
    return body, tuple(offered.notes(source.get("tool_choice")))


def _limits(messages: MessagesRequest, target: Target) -> dict[str, Any]:
    source, quirks = messages.parsed, target.preset.quirks
    found: dict[str, Any] = {}
    limit = source.get("max_tokens")
    if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
        found[quirks.max_tokens_key] = min(limit, target.max_output_tokens or limit)
    stops = stop_sequences(messages)
    if stops and quirks.stop:
        found["stop"] = stops[: quirks.stop]  # those that do not fit are applied to the answer
    if quirks.sampling:
        for key in ("temperature", "top_p"):
            if isinstance(source.get(key), int | float) and not isinstance(source[key], bool):
                found[key] = source[key]
    if quirks.top_k and isinstance(source.get("top_k"), int) and not isinstance(source["top_k"], bool):
        found["top_k"] = source["top_k"]
    return found


def _effort(source: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    if not quirks.reasoning_effort:
        return {}
    off = thinking_type(source) in ("disabled", "between_tools")
    wanted = "none" if off else effective_effort(source)
    effort = clamp_effort(wanted, quirks.efforts) if wanted else None
    return {"reasoning_effort": effort} if effort else {}


def _format(source: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    schema = wanted_schema(source)
    if schema is None:
        return {}
    if not quirks.json_schema:
        return {"response_format": {"type": "json_object"}}
    wanted = {"name": "response", "schema": schema, "strict": is_strict(schema)}
    return {"response_format": {"type": "json_schema", "json_schema": wanted}}
