"""Tools and tool choice of a Chat request in the words of Messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proxy.inbound.openai_tools import CHOICES, Choice, allowed_only, function_tool, stub_fields, tool_fields


def is_legacy(source: dict[str, Any]) -> bool:
    """True when the client speaks of `functions` and knows no `tool_calls`."""
    return bool(source.get("functions")) and not source.get("tools")


def tools_of(source: dict[str, Any], called: Iterable[str]) -> dict[str, Any]:
    """`tools` and `tool_choice`. `called`: the tools that the conversation's turns call."""
    tools = _offered(source)
    choice = source.get("tool_choice")
    if is_legacy(source):
        named = source.get("function_call")
        choice = {"function": named} if isinstance(named, dict) else named
    if not tools:
        return stub_fields(called)
    tools, wanted = _chosen(tools, choice)
    return tool_fields(tools, wanted, source.get("parallel_tool_calls") is False or is_legacy(source))


def kinds_without_place(source: dict[str, Any]) -> set[str]:
    """The types of the tools that have no place in Messages."""
    tools = source.get("tools")
    described = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return {str(tool.get("type") or "function") for tool in described if not _name(tool.get("function"))}


def _offered(source: dict[str, Any]) -> list[dict[str, Any]]:
    tools, functions = source.get("tools"), source.get("functions")
    described = [tool.get("function") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    if is_legacy(source) and isinstance(functions, list):
        described = functions
    offered = [
        function_tool(function["name"], function)
        for function in described
        if isinstance(function, dict) and _name(function)
    ]
    if isinstance(source.get("web_search_options"), dict):
        offered.append({"type": "web_search_20250305", "name": "web_search"})
    return offered


def _chosen(tools: list[dict[str, Any]], choice: Any) -> tuple[list[dict[str, Any]], Choice]:
    """The tools that may be called and the choice among them; None when the client left it open."""
    if isinstance(choice, str):
        return tools, {"type": CHOICES[choice]} if choice in CHOICES else None
    if not isinstance(choice, dict):
        return tools, None
    allowed = choice.get("allowed_tools")
    if isinstance(allowed, dict):
        listed = allowed.get("tools")
        listed = listed if isinstance(listed, list) else []
        names = {_name(tool.get("function")) for tool in listed if isinstance(tool, dict)}
        return allowed_only(tools, names, allowed.get("mode"))
    name = _name(choice.get("function"))
    return tools, {"type": "tool", "name": name} if any(tool["name"] == name for tool in tools) else None


def _name(function: Any) -> str:
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else ""
