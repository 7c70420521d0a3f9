"""A Messages request in the words of Responses.

The same request makes the same bytes, and the items of a later turn begin with those of
the earlier one: upstream prompt caches live on it. Nothing is stored upstream, so what the
model thought travels with the client, encrypted.
Source: OpenAI's Responses reference; the Codex backend takes a subset of it.
"""

from __future__ import annotations

from typing import Any

from providers.outbound.effort import clamp_effort, effective_effort, shows_thinking, thinking_type
from providers.outbound.identity import cache_key, safety_identifier
from providers.outbound.names import NameMap
from providers.outbound.openai_responses.conversation import Conversation
from providers.outbound.openai_responses.tools import SEARCH, responses_tools, searches, tool_choice
from providers.outbound.prompt import system_text
from providers.outbound.service_tier import service_tier
from providers.outbound.structured import is_strict, schema_in_words, wanted_schema
from providers.outbound.toolset import toolset
from providers.presets import Quirks
from providers.targets import Target
from providers.wire.messages import MessagesRequest

MIN_OUTPUT_TOKENS = 16
"""The least the API takes."""


def build_body(messages: MessagesRequest, target: Target) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body of `/responses`, and in a few words each what was left out or rewritten for this target.

    Raises UpstreamFailure (incapable) for media the target cannot take, MalformedJson for a body that is none.
    """
    source, quirks = messages.parsed, target.preset.quirks
    codex = target.preset.addressing == "codex"
    body, notes = _prompt(messages, target)
    if body.get("tools"):
        body |= tool_choice(source.get("tool_choice"), body["tools"], NameMap.of(messages), quirks)
    body |= _reasoning(source, quirks, notes)
    body |= _format(source, quirks)
    body |= {} if codex else _limit(source, target)
    body |= _sampling(source, quirks, codex, notes)
    body |= service_tier(source, only_speed=codex)
    key = cache_key(messages)
    if key is not None:
        body["prompt_cache_key"] = key
    user = None if codex else safety_identifier(messages)
    if user is not None:
        body["safety_identifier"] = user
    body["store"] = False
    if codex or messages.stream:
        body["stream"] = True
    return body, tuple(dict.fromkeys(notes))


def count_body(messages: MessagesRequest, target: Target) -> dict[str, Any]:
    """The body of `/responses/input_tokens`: all that the model would read, and nothing else. Raises as build_body."""
    return _prompt(messages, target)[0]


def _prompt(messages: MessagesRequest, target: Target) -> tuple[dict[str, Any], list[str]]:
    """Model, instructions, input and tools, and the notes of making them."""
    source, names = messages.parsed, NameMap.of(messages)
    schema = None if target.preset.quirks.json_schema else wanted_schema(source)
    offered = toolset(source)
    conversation = Conversation(target, names)
    for message in source.get("messages") or ():
        if isinstance(message, dict):
            conversation.add(message)
    unavailable = offered.without(SEARCH)
    in_words = schema_in_words(schema) if schema else ""
    instructions = "\n\n".join(filter(None, [system_text(source.get("system")), unavailable, in_words]))
    body: dict[str, Any] = {"model": target.actual_model}
    # The Codex backend refuses a body without the key, and any system message.
    if instructions or target.preset.addressing == "codex":
        body["instructions"] = instructions
    body["input"] = conversation.finish()
    tools = responses_tools(offered, names)
    if tools:
        body["tools"] = tools
    told = offered.notes(source.get("tool_choice"), SEARCH)
    told += ["blocked_domains dropped" for search in searches(offered) if search.get("blocked_domains")]
    return body, [*conversation.notes, *told]


def _reasoning(source: dict[str, Any], quirks: Quirks, notes: list[str]) -> dict[str, Any]:
    kind = thinking_type(source)
    off = kind in ("disabled", "between_tools")
    wanted = "none" if off else effective_effort(source)
    if not quirks.efforts or (kind is None and wanted is None):
        return {}
    reasoning: dict[str, Any] = {}
    if wanted is not None:
        reasoning["effort"] = clamp_effort(wanted, quirks.efforts)
        if reasoning["effort"] != wanted:
            notes.append(f"effort {wanted} sent as {reasoning['effort']}")
    if shows_thinking(source):
        reasoning["summary"] = "auto"
    found: dict[str, Any] = {"reasoning": reasoning} if reasoning else {}
    # A client that wants no thinking gets no thinking blocks, so there is nothing to carry a blob in.
    return found if off else {**found, "include": ["reasoning.encrypted_content"]}


def _format(source: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    schema = wanted_schema(source)
    if schema is None:
        return {}
    if not quirks.json_schema:
        return {"text": {"format": {"type": "json_object"}}}
    wanted = {"type": "json_schema", "name": "response", "schema": schema, "strict": is_strict(schema)}
    return {"text": {"format": wanted}}


def _limit(source: dict[str, Any], target: Target) -> dict[str, Any]:
    limit = source.get("max_tokens")
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        return {}
    return {"max_output_tokens": max(min(limit, target.max_output_tokens or limit), MIN_OUTPUT_TOKENS)}


def _sampling(source: dict[str, Any], quirks: Quirks, codex: bool, notes: list[str]) -> dict[str, Any]:
    """Temperature and top_p, which models that reason refuse."""
    given = {key: source[key] for key in ("temperature", "top_p") if _is_number(source.get(key))}
    found = {} if codex or quirks.efforts else given
    if given != found or source.get("top_k") is not None:
        notes.append("sampling settings dropped")
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
