"""Tools and tool choice in Chat's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from providers.outbound.names import NameMap
from providers.outbound.toolset import Tool
from providers.presets import Quirks


def chat_tools(tools: Sequence[Tool], names: NameMap) -> list[dict[str, Any]]:
    """The functions to offer."""
    return [{"type": "function", "function": _function(tool, names)} for tool in tools]


def _function(tool: Tool, names: NameMap) -> dict[str, Any]:
    function: dict[str, Any] = {"name": names.sent(tool.name)}
    if tool.description is not None:
        function["description"] = tool.description
    return {**function, "parameters": tool.schema}


def tool_choice(choice: Any, tools: list[dict[str, Any]], names: NameMap, quirks: Quirks) -> dict[str, Any]:
    """`tool_choice` and `parallel_tool_calls`, when the client said something about them and the tool is offered."""
    if not isinstance(choice, dict):
        return {}
    found: dict[str, Any] = {}
    kind = choice.get("type")
    if kind in ("auto", "none"):
        found["tool_choice"] = kind
    elif kind == "any":
        found["tool_choice"] = "required"
    elif kind == "tool" and isinstance(choice.get("name"), str):
        name = names.sent(choice["name"])
        if any(tool["function"]["name"] == name for tool in tools):
            found["tool_choice"] = {"type": "function", "function": {"name": name}}
    if choice.get("disable_parallel_tool_use") is True and quirks.parallel_tool_calls:
        found["parallel_tool_calls"] = False
    return found
