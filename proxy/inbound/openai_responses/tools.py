"""The tools of a Responses request in the words of Messages, and the way back from a call to the client's own tool.

Messages knows functions alone. A freeform tool becomes one with a single text, the tools that
OpenAI's models know by heart (shells, patches) get a schema, and a namespace joins its tools' names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from providers.outbound.names import legal_name
from proxy.inbound.openai_tools import CHOICES, Choice, allowed_only, function_tool, stub_fields, tool_fields

SEARCH = "web_search"
"""What the types of the server tool begin with, and its name in Messages."""

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_COUNT = {"type": "integer"}
_KNOWN_BY_HEART: dict[str, tuple[str, dict[str, Any]]] = {
    "local_shell": (
        "Run a command on the user's machine.",
        {
            "type": "object",
            "properties": {
                "command": {**_TEXTS, "description": "The program and its arguments."},
                "working_directory": _TEXT, "timeout_ms": _COUNT,
                "env": {"type": "object", "additionalProperties": _TEXT},
            },
            "required": ["command"],
        },
    ),
    "shell": (
        "Run shell commands, each in a shell of its own.",
        {
            "type": "object",
            "properties": {"commands": _TEXTS, "timeout_ms": _COUNT, "max_output_length": _COUNT},
            "required": ["commands"],
        },
    ),
    "apply_patch": (
        "Create, update or delete a file. `diff` is a V4A diff: for a new file its lines, each after a +.",
        {
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
                "path": _TEXT, "diff": _TEXT,
            },
            "required": ["type", "path"],
        },
    ),
}  # fmt: skip
_FREEFORM = {"type": "object", "properties": {"input": _TEXT}, "required": ["input"], "additionalProperties": False}
_PLACE = ("city", "country", "region", "timezone")
_MAX_NAME = 60
_CLIENTS_OWN = ("function", "custom")
"""Tools the client runs: one that cannot be offered is described wrongly."""


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A tool as the client knows it: its type, its name, and the namespace it is in, if any."""

    kind: str
    name: str
    namespace: str = ""


class ClientTools:
    """The tools a client described, each under a name that Messages takes."""

    def __init__(self, described: Iterable[Any]) -> None:
        self.offered: list[dict[str, Any]] = []
        """The tools in the words of Messages, in the client's order."""
        self.hosted: set[str] = set()
        """Types of tools that the client's vendor runs itself and nobody here can."""
        self.dropped: set[str] = set()
        """Types of all tools that have no place in Messages, those included."""
        self._ours: dict[ClientTool, str] = {}
        self._clients: dict[str, ClientTool] = {}
        for tool in described:
            if isinstance(tool, dict):
                self._add(tool, "")

    def client_tool(self, name: str) -> ClientTool:
        """The tool that a call by our `name` means; a function of that name when it was never described."""
        return self._clients.get(name) or ClientTool("function", name)

    def our_name(self, tool: ClientTool) -> str:
        """The name of a client's tool in Messages."""
        return self._ours.get(tool) or _joined(tool)

    def named(self, kind: Any, name: Any) -> str | None:
        """Our name of the offered tool that a choice means: by its type and name, or by its type alone."""
        if isinstance(kind, str) and kind.startswith(SEARCH):
            return SEARCH if any(tool["name"] == SEARCH for tool in self.offered) else None
        for tool, ours in self._ours.items():
            known_by_heart = name is None and tool.name == tool.kind
            if tool.kind == kind and (known_by_heart or name in (tool.name, ours)):
                return ours
        return None

    def _add(self, tool: dict[str, Any], namespace: str) -> None:
        kind = str(tool.get("type") or "function")
        if kind == "namespace":
            inner = tool.get("tools")
            for part in inner if isinstance(inner, list) else ():
                if isinstance(part, dict) and part.get("type") != "namespace":
                    self._add(part, _name(tool))
        elif kind.startswith(SEARCH):
            # Who wants to search a cache alone is not given the open web.
            if tool.get("external_web_access") is False:
                self.dropped.add(kind)
            elif self._free(SEARCH):
                self._clients[SEARCH] = ClientTool(SEARCH, SEARCH)
                self.offered.append(_web_search(tool))
        elif (described := _described(kind, tool)) is not None:
            self._offer(ClientTool(kind, described.pop("name"), namespace), described)
        else:
            self.dropped.add(kind)
            if kind not in _CLIENTS_OWN:
                self.hosted.add(kind.rstrip("0123456789_").replace("_", " "))

    def _offer(self, tool: ClientTool, described: dict[str, Any]) -> None:
        if tool in self._ours:
            return  # Messages refuses two tools of one name
        ours = _joined(tool)
        number = 0
        while not self._free(ours):
            number += 1
            ours = f"{_joined(tool)[:_MAX_NAME]}_{number}"
        self._ours[tool], self._clients[ours] = ours, tool
        self.offered.append({"name": ours, **described})

    def _free(self, name: str) -> bool:
        return name not in self._clients


def fields_of(tools: ClientTools, source: dict[str, Any], called: Iterable[str]) -> dict[str, Any]:
    """`tools` and `tool_choice`. `called`: our names of the tools that the conversation's turns call."""
    if not tools.offered:
        return stub_fields(called)
    offered, choice = _chosen(tools, source.get("tool_choice"))
    return tool_fields(offered, choice, source.get("parallel_tool_calls") is False)


def _chosen(tools: ClientTools, choice: Any) -> tuple[list[dict[str, Any]], Choice]:
    if isinstance(choice, str):
        return tools.offered, {"type": CHOICES[choice]} if choice in CHOICES else None
    if not isinstance(choice, dict):
        return tools.offered, None
    if choice.get("type") == "allowed_tools":
        listed = choice.get("tools")
        entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        names = {tools.named(entry.get("type"), entry.get("name")) for entry in entries}
        return allowed_only(tools.offered, {name for name in names if name}, choice.get("mode"))
    name = tools.named(choice.get("type"), choice.get("name"))
    return tools.offered, {"type": "tool", "name": name} if name else None


def _described(kind: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The tool in the words of Messages; None for one that nobody here can offer."""
    if kind in _KNOWN_BY_HEART:
        words, schema = _KNOWN_BY_HEART[kind]
        return {"name": kind, "description": words, "input_schema": schema}
    if kind == "tool_search" and tool.get("execution") == "client":
        return function_tool(kind, tool)
    if kind == "function" and _name(tool):
        return function_tool(_name(tool), tool)
    if kind == "custom" and _name(tool):
        return {**function_tool(_name(tool), {"description": _freeform_words(tool)}), "input_schema": _FREEFORM}
    return None


def _freeform_words(tool: dict[str, Any]) -> str:
    said = tool.get("description")
    words = said if isinstance(said, str) else ""
    wanted = tool.get("format")
    grammar = wanted.get("definition") if isinstance(wanted, dict) else None
    if not isinstance(grammar, str) or not isinstance(wanted, dict):
        return words
    syntax = wanted.get("syntax")
    kind = f"{syntax} grammar" if isinstance(syntax, str) else "grammar"
    return f"{words}\n\n`input` must match this {kind}:\n{grammar}".strip()


def _web_search(tool: dict[str, Any]) -> dict[str, Any]:
    search: dict[str, Any] = {"type": "web_search_20250305", "name": SEARCH}
    filters = tool.get("filters")
    for key in ("allowed_domains", "blocked_domains"):
        listed = filters.get(key) if isinstance(filters, dict) else None
        domains = [domain for domain in listed if isinstance(domain, str)] if isinstance(listed, list) else []
        if domains:
            search[key] = domains
            break  # Anthropic takes one of them
    place = tool.get("user_location")
    told = {key: place[key] for key in _PLACE if isinstance(place.get(key), str)} if isinstance(place, dict) else {}
    return {**search, "user_location": {"type": "approximate", **told}} if told else search


def _joined(tool: ClientTool) -> str:
    if not tool.namespace:
        return tool.name
    apart = "" if tool.namespace.endswith("_") or tool.name.startswith("_") else "__"
    return legal_name(f"{tool.namespace}{apart}{tool.name}")


def _name(tool: dict[str, Any]) -> str:
    name = tool.get("name")
    return name if isinstance(name, str) else ""
