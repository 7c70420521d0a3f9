"""Tools and tool choice in Chat's words."""

from __future__ import annotations

from typing import Any

from providers.outbound.openai_chat.names import NameMap
from providers.presets import Quirks

PLACEHOLDER = "DeferredToolPlaceholder"

_TEXT = {"type": "string"}
_CANNED: dict[str, tuple[str, dict[str, Any]]] = {
    "bash_": (
        "Run a command in a persistent bash session.",
        {"type": "object", "properties": {"command": _TEXT, "restart": {"type": "boolean"}}},
    ),
    "text_editor_": (
        "View, create and edit text files.",
        {
            "type": "object",
            "properties": {
                "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert", "undo_edit"]},
                "path": _TEXT, "file_text": _TEXT, "old_str": _TEXT, "new_str": _TEXT, "insert_text": _TEXT,
                "insert_line": {"type": "integer"},
                "view_range": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["command", "path"],
        },
    ),
    "memory_": (
        "Keep notes in files under /memories.",
        {
            "type": "object",
            "properties": {
                "command": {
                    "type": "string", "enum": ["view", "create", "str_replace", "insert", "delete", "rename"],
                },
                "path": _TEXT, "file_text": _TEXT, "old_str": _TEXT, "new_str": _TEXT, "insert_text": _TEXT,
                "old_path": _TEXT, "new_path": _TEXT, "insert_line": {"type": "integer"},
            },
            "required": ["command"],
        },
    ),
}  # fmt: skip
"""Tools whose schema Anthropic's models know by heart; any other model must be told."""


def chat_tools(tools: Any, names: NameMap) -> tuple[list[dict[str, Any]], list[str]]:
    """The functions to offer, and the kinds of server tools that cannot run at this target."""
    functions: list[dict[str, Any]] = []
    unavailable: list[str] = []
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, dict) or tool.get("name") == PLACEHOLDER:
            continue
        function = _function(tool, names)
        if function is not None:
            functions.append({"type": "function", "function": function})
        elif isinstance(tool.get("type"), str):
            unavailable.append(_kind(tool["type"]))
    return functions, sorted(set(unavailable))


def _function(tool: dict[str, Any], names: NameMap) -> dict[str, Any] | None:
    name, kind = tool.get("name"), tool.get("type")
    if not isinstance(name, str):
        return None
    if kind in (None, "custom") or "input_schema" in tool:
        schema = tool.get("input_schema")
        parameters = dict(schema) if isinstance(schema, dict) else {"type": "object"}
        parameters.setdefault("properties", {})
        function: dict[str, Any] = {"name": names.sent(name)}
        if isinstance(tool.get("description"), str):
            function["description"] = tool["description"]
        return {**function, "parameters": parameters}
    for prefix, (description, canned) in _CANNED.items():
        if isinstance(kind, str) and kind.startswith(prefix):
            return {"name": names.sent(name), "description": description, "parameters": canned}
    return None


def _kind(type_: str) -> str:
    return type_.rstrip("0123456789_").replace("_", " ")


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
