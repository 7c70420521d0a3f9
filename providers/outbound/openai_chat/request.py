"""A Messages request in the words of Chat Completions.

The same request makes the same bytes, and the messages of a later turn begin with those of
the earlier one: upstream prompt caches live on it.
Source: OpenAI's Chat Completions reference; quirks of compatible servers are in the preset.
"""

from __future__ import annotations

import re
from typing import Any

from providers.outbound.effort import clamp_effort, effective_effort, thinking_type
from providers.outbound.identity import cache_key, safety_identifier
from providers.outbound.names import NameMap
from providers.outbound.openai_chat.caching import mark_for_cache
from providers.outbound.openai_chat.conversation import Conversation
from providers.outbound.openai_chat.tools import chat_tools, tool_choice
from providers.outbound.prompt import system_text
from providers.outbound.service_tier import service_tier
from providers.outbound.stops import stop_sequences
from providers.outbound.structured import is_strict, schema_in_words, wanted_schema
from providers.outbound.tool_choice import one_at_a_time
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
    if re.fullmatch(quirks.cache_marks, target.actual_model):
        mark_for_cache(body["messages"], source)
    if tools:
        body["tools"] = tools
        body |= tool_choice(source.get("tool_choice"), tools, names, quirks)
    notes = [*conversation.notes, *offered.notes(source.get("tool_choice"))]
    if tools and not quirks.parallel_tool_calls and one_at_a_time(source.get("tool_choice")):
        notes.append("disable_parallel_tool_use dropped")
    body |= _limits(messages, target)
    body |= _sampling(source, quirks, notes)
    body |= _effort(source, target, bool(tools), notes)
    body |= _format(source, quirks)
    if quirks.cache_key:
        body |= service_tier(source)
        named = {"prompt_cache_key": cache_key(messages), "safety_identifier": safety_identifier(messages)}
        body |= {key: name for key, name in named.items() if name is not None}
    if messages.stream:
        body["stream"] = True
        if quirks.stream_usage:
            body["stream_options"] = {"include_usage": True}
    return body, tuple(dict.fromkeys(notes))


def _limits(messages: MessagesRequest, target: Target) -> dict[str, Any]:
    source, quirks = messages.parsed, target.preset.quirks
    found: dict[str, Any] = {}
    limit = source.get("max_tokens")
    if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
        found[quirks.max_tokens_key] = min(limit, target.max_output_tokens or limit)
    stops = stop_sequences(messages)
    if stops and quirks.stop:
        found["stop"] = stops[: quirks.stop]  # those that do not fit are applied to the answer
    return found


def _sampling(source: dict[str, Any], quirks: Quirks, notes: list[str]) -> dict[str, Any]:
    taken = {"temperature": quirks.sampling, "top_p": quirks.sampling, "top_k": quirks.top_k}
    given = {key: source[key] for key in taken if _is_number(source.get(key))}
    found = {key: value for key, value in given.items() if taken[key] and (key != "top_k" or isinstance(value, int))}
    if given != found:
        notes.append("sampling settings dropped")
    return found


def _effort(source: dict[str, Any], target: Target, tools: bool, notes: list[str]) -> dict[str, Any]:
    quirks = target.preset.quirks
    off = thinking_type(source) in ("disabled", "between_tools")
    wanted = "none" if off else effective_effort(source)
    effort = clamp_effort(wanted, quirks.efforts) if wanted and quirks.reasoning_effort else None
    if tools and re.fullmatch(quirks.effort_or_tools, target.actual_model):
        effort = "none"  # they are refused together, and with no effort named the model has one of its own
    if wanted not in (effort, None, "none"):
        notes.append(f"effort {wanted} sent as {effort}" if effort else f"effort {wanted} dropped")
    return {"reasoning_effort": effort} if effort else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _format(source: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    schema = wanted_schema(source)
    if schema is None:
        return {}
    if not quirks.json_schema:
        return {"response_format": {"type": "json_object"}}
    wanted = {"name": "response", "schema": schema, "strict": is_strict(schema)}
    return {"response_format": {"type": "json_schema", "json_schema": wanted}}
