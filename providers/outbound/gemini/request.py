"""A Messages request in the words of GenerateContent.

The same request makes the same bytes, and the contents of a later turn begin with those of
the earlier one: implicit caches live on it.
Source: the reference of `models.generateContent` of the Gemini API and of Vertex AI.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from providers.outbound.gemini.conversation import Conversation
from providers.outbound.gemini.schema import json_parameters, json_schema, message_parameters
from providers.outbound.gemini.thinking import is_third, thinking_config, thinks
from providers.outbound.names import LEADING_LETTER, NameMap
from providers.outbound.prompt import system_text
from providers.outbound.stops import stop_sequences
from providers.outbound.toolset import Tool, toolset
from providers.targets import Target
from providers.wire.messages import MessagesRequest

MAX_STOPS = 5
ROOM_TO_THINK = 1024
"""Tokens added to a limit below this where the model thinks: its limit holds thoughts too, and none would be left."""
SEARCH = "web_search_"
"""The server tool that Google runs as well, when no functions stand beside it."""

_MODES = {"auto": "AUTO", "any": "ANY", "none": "NONE"}


def build_body(messages: MessagesRequest, target: Target) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The GenerateContent body, and what was left out or rewritten, in a few words each.

    Raises UpstreamFailure (incapable) for media the target cannot take, MalformedJson for an unreadable body.
    """
    source = messages.parsed
    names = NameMap.of(messages, LEADING_LETTER)
    offered = toolset(source)
    functions = _functions(offered.tools, names, target)
    searches = [tool for tool in offered.server_tools if tool["type"].startswith(SEARCH)] if not functions else []
    system = [system_text(source.get("system")), offered.without(*([SEARCH] if searches else []))]
    conversation = Conversation(target, names)
    for message in source["messages"] if isinstance(source.get("messages"), list) else ():
        if isinstance(message, dict):
            conversation.add(message)
    contents, notes = conversation.finish()
    body: dict[str, Any] = {"contents": contents}
    if any(system):
        body["systemInstruction"] = {"parts": [{"text": "\n\n".join(filter(None, system))}]}
    if functions:
        body["tools"] = [{"functionDeclarations": functions}]
        body |= _tool_config(source.get("tool_choice"), functions, names)
    elif searches:
        body["tools"] = [{"googleSearch": {}}]
    config, left_out = _generation_config(messages, target, bool(functions or searches))
    if config:
        body["generationConfig"] = config
    if any(tool.get("allowed_domains") or tool.get("blocked_domains") for tool in searches):
        left_out.append("search domain filter dropped")
    left_out += offered.notes(source.get("tool_choice"), *([SEARCH] if searches else []))
    return body, (*notes, *left_out)


def _functions(tools: Sequence[Tool], names: NameMap, target: Target) -> list[dict[str, Any]]:
    functions: dict[str, dict[str, Any]] = {}
    for tool in tools:
        # Two of the same name are refused.
        functions.setdefault(tool.name, _function(tool, names, target))
    return list(functions.values())


def _function(tool: Tool, names: NameMap, target: Target) -> dict[str, Any]:
    function: dict[str, Any] = {"name": names.sent(tool.name)}
    if tool.description is not None:
        function["description"] = tool.description
    if target.preset.addressing != "code_assist":
        return {**function, "parametersJsonSchema": json_parameters(tool.schema)}
    parameters = message_parameters(tool.schema)
    # An object that names no properties is refused; a function without parameters has none of the field.
    return {**function, "parameters": parameters} if "properties" in parameters else function


def _tool_config(choice: Any, functions: list[dict[str, Any]], names: NameMap) -> dict[str, Any]:
    kind = choice.get("type") if isinstance(choice, dict) else None
    calling: dict[str, Any] = {}
    if isinstance(kind, str) and kind in _MODES:
        calling = {"mode": _MODES[kind]}
    elif kind == "tool" and isinstance(choice.get("name"), str):
        name = names.sent(choice["name"])
        if any(function["name"] == name for function in functions):
            calling = {"mode": "ANY", "allowedFunctionNames": [name]}
    return {"toolConfig": {"functionCallingConfig": calling}} if calling else {}


def _generation_config(messages: MessagesRequest, target: Target, tools: bool) -> tuple[dict[str, Any], list[str]]:
    source = messages.parsed
    config: dict[str, Any] = {}
    left_out: list[str] = []
    thinking = thinking_config(source, target.actual_model)
    limit: Any = source.get("max_tokens")
    if _is_int(limit) and limit > 0:
        raised = limit + ROOM_TO_THINK if limit < ROOM_TO_THINK and thinks(thinking, target.actual_model) else limit
        config["maxOutputTokens"] = min(raised, target.max_output_tokens or raised)
        if config["maxOutputTokens"] > limit:
            left_out.append(f"max_tokens {limit} sent as {config['maxOutputTokens']}, thoughts included")
    for key, theirs in (("temperature", "temperature"), ("top_p", "topP")):
        if isinstance(source.get(key), float) or _is_int(source.get(key)):
            config[theirs] = source[key]
    if _is_int(source.get("top_k")):
        config["topK"] = source["top_k"]
    stops = stop_sequences(messages)
    if stops:
        config["stopSequences"] = stops[:MAX_STOPS]  # those that do not fit are applied to the answer
    output_format = _format(source)
    if output_format and tools and not is_third(target.actual_model):
        # Earlier models refuse a response format beside tools.
        output_format = {}
        left_out.append("output format dropped beside tools")
    config |= output_format
    if thinking:
        config["thinkingConfig"] = thinking
    return config, left_out


def _format(source: dict[str, Any]) -> dict[str, Any]:
    config = source.get("output_config")
    wanted = config.get("format") if isinstance(config, dict) else None
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return {}
    return {"responseMimeType": "application/json", "responseJsonSchema": json_schema(wanted.get("schema"))}


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
