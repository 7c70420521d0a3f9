"""Tools that come and go amid a conversation, by `tool_addition` and `tool_removal` blocks.

Source: the Messages API's reference of mid-conversation tool changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_CHANGES = ("tool_addition", "tool_removal")


def described_tools(source: dict[str, Any]) -> list[Any]:
    """Every tool the request ever describes: its `tools`, then those that its turns define, each name once.

    A new definition of a known name takes the old one's place.
    """
    tools = source.get("tools")
    described = list(tools) if isinstance(tools, list) else []
    places = {tool["name"]: at for at, tool in enumerate(described) if _is_named(tool)}
    for change in _changes(source):
        definition = _tool_of(change).get("definition")
        if change["type"] != "tool_addition" or not isinstance(definition, dict):
            continue
        if _is_named(definition) and definition["name"] in places:
            described[places[definition["name"]]] = definition
            continue
        if _is_named(definition):
            places[definition["name"]] = len(described)
        described.append(definition)
    return described


def offered_tools(source: dict[str, Any]) -> list[Any]:
    """The tools that are there at the end of the conversation, in the order of their description."""
    removed: set[str] = set()
    for change in _changes(source):
        tool = _tool_of(change)
        definition = tool.get("definition")
        name = (definition if isinstance(definition, dict) else tool).get("name")
        if isinstance(name, str) and "server_name" not in tool:
            (removed.add if change["type"] == "tool_removal" else removed.discard)(name)
    return [tool for tool in described_tools(source) if not (_is_named(tool) and tool["name"] in removed)]


def changes_text(content: Any) -> str:
    """What the changes among a message's blocks say where they have to be words; empty when there are none."""
    told: dict[str, list[str]] = {}
    for change in _blocks(content):
        if change.get("type") in _CHANGES and (name := _name_of(_tool_of(change))):
            told.setdefault("added" if change["type"] == "tool_addition" else "removed", []).append(name)
    return "\n".join(f"Tools {how}: {', '.join(names)}" for how, names in told.items())


def _changes(source: dict[str, Any]) -> Iterator[dict[str, Any]]:
    messages = source.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, dict):
            continue
        for block in _blocks(message.get("content")):
            kept = block.get("tool_changes") if block.get("type") == "compaction" else [block]
            yield from (change for change in _blocks(kept) if change.get("type") in _CHANGES)


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _tool_of(change: dict[str, Any]) -> dict[str, Any]:
    tool = change.get("tool")
    return tool if isinstance(tool, dict) else {}


def _name_of(tool: dict[str, Any]) -> str:
    definition = tool.get("definition")
    named = definition if isinstance(definition, dict) else tool
    names = (named.get(key) for key in ("server_name", "mcp_server_name", "name"))
    return ": ".join(name for name in names if isinstance(name, str) and name)


def _is_named(tool: Any) -> bool:
    return isinstance(tool, dict) and isinstance(tool.get("name"), str)
