"""What the tools of OpenAI's dialects have in common, in the words of Messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

CHOICES = {"auto": "auto", "required": "any", "none": "none"}
"""A choice that is one word, and the type it has in Messages."""

Choice = dict[str, Any] | None
_MAX_KIND = 40


def function_tool(name: str, function: dict[str, Any]) -> dict[str, Any]:
    """The tool of a described function; its schema is an object's in any case."""
    schema = function.get("parameters")
    schema = schema if isinstance(schema, dict) else {"properties": {}}
    tool: dict[str, Any] = {"name": name}
    if isinstance(function.get("description"), str) and function["description"]:
        tool["description"] = function["description"]
    return {**tool, "input_schema": schema if "type" in schema else {"type": "object", **schema}}


def tool_fields(tools: list[dict[str, Any]], choice: Choice, one_at_a_time: bool) -> dict[str, Any]:
    """`tools` and `tool_choice`; a choice of None is the one that the client left open."""
    if one_at_a_time:
        choice = choice or {"type": "auto"}
        if choice["type"] != "none":
            choice["disable_parallel_tool_use"] = True
    return {"tools": tools, "tool_choice": choice} if choice else {"tools": tools}


def stub_fields(called: Iterable[str]) -> dict[str, Any]:
    """What a request without tools says of those its turns call: some upstreams refuse calls of undescribed tools."""
    stubs = [{"name": name, "input_schema": {"type": "object", "properties": {}}} for name in called]
    return {"tools": stubs, "tool_choice": {"type": "none"}} if stubs else {}


def allowed_only(tools: list[dict[str, Any]], names: set[str], mode: Any) -> tuple[list[dict[str, Any]], Choice]:
    """Of the tools those that are allowed, and the choice among them; a list that allows none is left aside."""
    kept = [tool for tool in tools if tool["name"] in names]
    return (kept, {"type": "any" if mode == "required" else "auto"}) if kept else (tools, None)


def dropped(what: str, kinds: Iterable[str]) -> tuple[str, ...]:
    """A note of the kinds of tools or items that have no place in Messages; none when there are none."""
    named = ", ".join(sorted({kind[:_MAX_KIND] for kind in kinds}))
    return (f"{what} dropped: {named}",) if named else ()
