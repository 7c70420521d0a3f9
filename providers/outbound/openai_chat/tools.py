"""Tools and tool choice in Chat's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from providers.outbound.names import NameMap
from providers.outbound.tool_choice import shared_tool_choice
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
    return shared_tool_choice(choice, quirks, lambda name: _named(name, tools, names))


def _named(name: str, tools: list[dict[str, Any]], names: NameMap) -> dict[str, Any]:
    sent = names.sent(name)
    if any(tool["function"]["name"] == sent for tool in tools):
        return {"tool_choice": {"type": "function", "function": {"name": sent}}}
    return {}
