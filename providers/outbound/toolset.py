"""The tools a request offers to a model that is not Anthropic's, apart from how a wire format writes them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from providers.outbound.tool_changes import offered_tools

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


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call: the client's own name, what it says of it, and its JSON Schema."""

    name: str
    description: str | None
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Toolset:
    """What may be called, in the request's order, and the server tools that were asked for."""

    tools: tuple[Tool, ...]
    server_tools: tuple[dict[str, Any], ...]

    def without(self, *running: str) -> str:
        """One sentence naming the server tools nobody runs here, to be told to the model; empty when there are none.

        `running`: prefixes of the types that the target does run.
        """
        kinds = {_kind(str(tool["type"])) for tool in self.server_tools if not str(tool["type"]).startswith(running)}
        return unavailable_text(kinds)

    def notes(self, choice: Any, *running: str) -> list[str]:
        """What of the tools and the tool choice does not arrive as it was asked for, in a few words each."""
        found = ["unavailable tools told in words"] if self.without(*running) else []
        wanted = choice.get("name") if isinstance(choice, dict) and choice.get("type") == "tool" else None
        if (
            wanted is not None
            and all(tool.name != wanted for tool in self.tools)
            and (self.tools or wanted not in running)
        ):
            found.append("tool_choice of a tool that is not offered dropped")
        return found


def unavailable_text(kinds: Collection[str]) -> str:
    """One sentence that tells a model which tools it was promised and has not; empty when there are none."""
    named = ", ".join(sorted(kinds))
    return f"Not available in this conversation: {named}. Say so instead of guessing results." if named else ""


def toolset(source: dict[str, Any]) -> Toolset:
    """The tools of a request's body, as its conversation has changed them.

    Deferred tools are offered like all others; the client's placeholder is not one.
    """
    functions: list[Tool] = []
    server_tools: list[dict[str, Any]] = []
    for tool in offered_tools(source):
        if not isinstance(tool, dict) or tool.get("name") == PLACEHOLDER:
            continue
        function = _function(tool)
        if function is not None:
            functions.append(function)
        elif isinstance(tool.get("type"), str):
            server_tools.append(tool)
    return Toolset(tuple(functions), tuple(server_tools))


def _function(tool: dict[str, Any]) -> Tool | None:
    name, kind = tool.get("name"), tool.get("type")
    if not isinstance(name, str):
        return None
    if kind in (None, "custom") or "input_schema" in tool:
        schema = tool.get("input_schema")
        parameters = dict(schema) if isinstance(schema, dict) else {"type": "object"}
        parameters.setdefault("properties", {})
        description = tool.get("description")
        return Tool(name, description if isinstance(description, str) else None, parameters)
    for prefix, (words, canned) in _CANNED.items():
        if isinstance(kind, str) and kind.startswith(prefix):
            return Tool(name, words, canned)
    return None


def _kind(type_: str) -> str:
    return type_.rstrip("0123456789_").replace("_", " ")
