"""Tools and tool choice in the words of Responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from providers.outbound.names import NameMap
from providers.outbound.tool_choice import shared_tool_choice
from providers.outbound.toolset import Tool, Toolset
from providers.presets import Quirks

SEARCH = "web_search"
"""What the types of the one server tool begin with that Responses runs itself."""

_PLACE = ("city", "country", "region", "timezone")


def responses_tools(offered: Toolset, names: NameMap) -> list[dict[str, Any]]:
    """The functions in the request's order, then the web search when it was asked for."""
    functions = [_function(tool, names) for tool in offered.tools]
    return functions + [_web_search(tool) for tool in searches(offered)[:1]]


def searches(offered: Toolset) -> Sequence[dict[str, Any]]:
    """The web searches asked for; Responses takes one."""
    return [tool for tool in offered.server_tools if str(tool["type"]).startswith(SEARCH)]


def tool_choice(choice: Any, tools: list[dict[str, Any]], names: NameMap, quirks: Quirks) -> dict[str, Any]:
    """`tool_choice` and `parallel_tool_calls`, when the client said something about them and the tool is offered."""
    return shared_tool_choice(choice, quirks, lambda name: _named(name, tools, names))


def _named(name: str, tools: list[dict[str, Any]], names: NameMap) -> dict[str, Any]:
    sent = names.sent(name)
    if any(tool.get("name") == sent for tool in tools):
        return {"tool_choice": {"type": "function", "name": sent}}
    # A choice cannot name this search; where it is the only tool, a call of any tool is the same.
    only_search = [tool["type"] for tool in tools] == [SEARCH]
    return {"tool_choice": "required"} if only_search and name == SEARCH else {}


def _function(tool: Tool, names: NameMap) -> dict[str, Any]:
    function: dict[str, Any] = {"type": "function", "name": names.sent(tool.name)}
    if tool.description is not None:
        function["description"] = tool.description
    schema = tool.schema if tool.schema.get("type") == "object" else {**tool.schema, "type": "object"}
    # Left out, `strict` is true: the API would then make every optional property a required one.
    return {**function, "parameters": schema, "strict": False}


def _web_search(tool: dict[str, Any]) -> dict[str, Any]:
    search: dict[str, Any] = {"type": SEARCH}
    allowed = tool.get("allowed_domains")
    domains = [domain for domain in allowed if isinstance(domain, str)] if isinstance(allowed, list) else []
    if domains:
        search["filters"] = {"allowed_domains": domains}
    location = tool.get("user_location")
    if isinstance(location, dict):
        place = {key: location[key] for key in _PLACE if isinstance(location.get(key), str)}
        search["user_location"] = {"type": "approximate", **place}
    return search
