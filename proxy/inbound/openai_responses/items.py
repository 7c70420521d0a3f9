"""The output items of a response in the making: each knows the events that tell it and what it is as a whole.

Events come without their number and place: the ladder adds them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from providers.outbound.prompt import arguments_text
from providers.wire.signatures import carried
from providers.wire.spans import MalformedJson, loads
from proxy.inbound.openai_responses.tools import ClientTool

Event = dict[str, Any]


class OutputItem(Protocol):
    """One item. `prefix` is what its id begins with; the id is known once it begins."""

    prefix: str
    id: str

    def begin(self) -> list[Event]:
        """The events that announce it."""
        ...

    def end(self, status: str) -> list[Event]:
        """The events that are still owed when it ends, before it is told whole."""
        ...

    def whole(self, status: str) -> dict[str, Any]:
        """The item as it is now."""
        ...


class Message:
    """Visible text: consecutive text blocks are one, for clients show each message as a paragraph of its own."""

    prefix = "msg"

    def __init__(self) -> None:
        self.id = ""
        self._texts: list[str] = []
        self._length = 0
        self._annotations: list[dict[str, Any]] = []
        self._block_start = 0

    def begin(self) -> list[Event]:
        """Its one part opens."""
        return [{"type": "response.content_part.added", **self._place(), "part": _text_part("", [])}]

    def text(self, piece: str) -> list[Event]:
        """A piece of text."""
        self._texts.append(piece)
        self._length += len(piece)
        return [{"type": "response.output_text.delta", **self._place(), "delta": piece, "logprobs": []}]

    def block_ends(self, citations: list[Any]) -> list[Event]:
        """A text block ends; its citations hold for all of it."""
        events: list[Event] = []
        for citation in citations:
            url = citation.get("url") if isinstance(citation, dict) else None
            if not isinstance(url, str) or not url:
                continue  # Responses can point to web pages and to files of its own alone
            title = citation.get("title")
            note = {
                "type": "url_citation", "start_index": self._block_start, "end_index": self._length, "url": url,
                "title": title if isinstance(title, str) else url,
            }  # fmt: skip
            number = {"annotation_index": len(self._annotations), "annotation": note}
            events.append({"type": "response.output_text.annotation.added", **self._place(), **number})
            self._annotations.append(note)
        self._block_start = self._length
        return events

    def end(self, status: str) -> list[Event]:
        """Text and part, whole."""
        part = _text_part("".join(self._texts), self._annotations)
        return [
            {"type": "response.output_text.done", **self._place(), "text": part["text"], "logprobs": []},
            {"type": "response.content_part.done", **self._place(), "part": part},
        ]

    def whole(self, status: str) -> dict[str, Any]:
        """The message."""
        content = [] if status == "in_progress" else [_text_part("".join(self._texts), self._annotations)]
        return {"id": self.id, "type": "message", "status": status, "role": "assistant", "content": content}

    def _place(self) -> dict[str, Any]:
        return {"item_id": self.id, "content_index": 0}


class Reasoning:
    """Thinking as a summary; its signature travels in `encrypted_content`, so that the client can hand it back."""

    prefix = "rs"

    def __init__(self, block: dict[str, Any]) -> None:
        self.id = ""
        self._kind, self._data, self._signature = block.get("type"), block.get("data"), ""
        self._texts: list[str] = []

    @property
    def sealed(self) -> bool:
        """True when it holds something to hand back."""
        return self._blob() is not None

    def begin(self) -> list[Event]:
        """Nothing: the summary's part opens with its first text."""
        return []

    def text(self, piece: str) -> list[Event]:
        """A piece of thinking."""
        opened: list[Event] = []
        if not self._texts:
            part = {"type": "summary_text", "text": ""}
            opened = [{"type": "response.reasoning_summary_part.added", **self._place(), "part": part}]
        self._texts.append(piece)
        return [*opened, {"type": "response.reasoning_summary_text.delta", **self._place(), "delta": piece}]

    def sign(self, signature: str) -> None:
        """A piece of the signature."""
        self._signature += signature

    def end(self, status: str) -> list[Event]:
        """The summary, whole, if there is one."""
        if not self._texts:
            return []
        text = "".join(self._texts)
        return [
            {"type": "response.reasoning_summary_text.done", **self._place(), "text": text},
            {"type": "response.reasoning_summary_part.done", **self._place(), "part": _summary(text)},
        ]

    def whole(self, status: str) -> dict[str, Any]:
        """The item; until it is done it has no blob."""
        begun = status == "in_progress"
        summary = [_summary("".join(self._texts))] if self._texts and not begun else []
        blob = None if begun else self._blob()
        return {"id": self.id, "type": "reasoning", "status": status, "summary": summary, "encrypted_content": blob}

    def _blob(self) -> str | None:
        return carried({"type": self._kind, "data": self._data, "signature": self._signature})

    def _place(self) -> dict[str, Any]:
        return {"item_id": self.id, "summary_index": 0}


class Call:
    """A tool call. A function's arguments are told as they come; other tools' calls once they are whole."""

    def __init__(self, tool: ClientTool, block: dict[str, Any]) -> None:
        self.id = ""
        self.prefix = _PREFIXES.get(tool.kind, "fc")
        self._tool = tool
        self._call_id = str(block.get("id") or "")
        self._given = block.get("input")
        self._pieces: list[str] = []

    def begin(self) -> list[Event]:
        """Nothing beside the item itself."""
        return []

    def arguments(self, piece: str) -> list[Event]:
        """A piece of the arguments' JSON text."""
        self._pieces.append(piece)
        if self._tool.kind != "function":
            return []
        return [{"type": "response.function_call_arguments.delta", "item_id": self.id, "delta": piece}]

    def block_ends(self) -> list[Event]:
        """All arguments have come; Messages says nothing for an empty input, clients here parse it as JSON."""
        return [] if self._pieces else self.arguments(arguments_text(self._given))

    def end(self, status: str) -> list[Event]:
        """The arguments or the input, whole."""
        text = "".join(self._pieces)
        place = {"item_id": self.id}
        if self._tool.kind == "function":
            return [{"type": "response.function_call_arguments.done", **place, "arguments": text}]
        if self._tool.kind == "custom":
            written = freeform(text)
            return [
                {"type": "response.custom_tool_call_input.delta", **place, "delta": written},
                {"type": "response.custom_tool_call_input.done", **place, "input": written},
            ]
        return []

    def whole(self, status: str) -> dict[str, Any]:
        """The item of the client's own tool."""
        text = "" if status == "in_progress" else "".join(self._pieces)
        named: dict[str, Any] = {"name": self._tool.name}
        if self._tool.namespace:
            named["namespace"] = self._tool.namespace
        if self._tool.kind == "function":
            return self._item("function_call", status, arguments=text, **named)
        if self._tool.kind == "custom":
            return self._item("custom_tool_call", status, input=freeform(text), **named)
        return self._item(f"{self._tool.kind}_call", status, **_SHAPES[self._tool.kind](_object(text)))

    def _item(self, kind: str, status: str, **members: Any) -> dict[str, Any]:
        return {"id": self.id, "type": kind, "status": status, "call_id": self._call_id, **members}


class Search:
    """A web search that the upstream made itself."""

    prefix = "ws"

    def __init__(self, block: dict[str, Any]) -> None:
        self.id = ""
        self._given = block.get("input")
        self._pieces: list[str] = []
        self._sources: list[dict[str, Any]] = []
        self._failed = False

    def begin(self) -> list[Event]:
        """The search is under way."""
        place = {"item_id": self.id}
        return [
            {"type": "response.web_search_call.in_progress", **place},
            {"type": "response.web_search_call.searching", **place},
        ]

    def arguments(self, piece: str) -> list[Event]:
        """A piece of the query's JSON text."""
        self._pieces.append(piece)
        return []

    def found(self, content: Any) -> None:
        """What it found, or the error in place of it."""
        self._failed = isinstance(content, dict)
        hits = content if isinstance(content, list) else []
        urls = [hit.get("url") for hit in hits if isinstance(hit, dict)]
        self._sources = [{"type": "url", "url": url} for url in urls if isinstance(url, str)]

    def end(self, status: str) -> list[Event]:
        """The search is done."""
        return [{"type": "response.web_search_call.completed", "item_id": self.id}]

    def whole(self, status: str) -> dict[str, Any]:
        """The item with query and sources."""
        asked = _object("".join(self._pieces)) if self._pieces else self._given
        query = asked.get("query") if isinstance(asked, dict) else None
        query = query if isinstance(query, str) else ""
        action = {"type": "search", "query": query, "queries": [query], "sources": self._sources}
        told = "failed" if self._failed and status == "completed" else status
        return {"id": self.id, "type": "web_search_call", "status": told, "action": action}


def freeform(text: str) -> str:
    """The input of a freeform tool from its function's arguments; what has no `input` is taken as it is."""
    arguments = _object(text)
    if isinstance(arguments.get("input"), str):
        return str(arguments["input"])
    values = list(arguments.values())
    return values[0] if len(values) == 1 and isinstance(values[0], str) else text


def _object(text: str) -> dict[str, Any]:
    try:
        parsed = loads(text.encode("utf-8", "surrogatepass"))
    except MalformedJson:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _text_part(text: str, annotations: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": list(annotations), "logprobs": []}


def _summary(text: str) -> dict[str, Any]:
    return {"type": "summary_text", "text": text}


def _local_shell(given: dict[str, Any]) -> dict[str, Any]:
    command, env = given.get("command"), given.get("env")
    words = ["sh", "-c", command] if isinstance(command, str) else _texts(command)
    kept = {key: given[key] for key in ("timeout_ms", "working_directory", "user") if given.get(key) is not None}
    env = {key: value for key, value in env.items() if isinstance(value, str)} if isinstance(env, dict) else {}
    return {"action": {"type": "exec", "command": words, "env": env, **kept}}


def _shell(given: dict[str, Any]) -> dict[str, Any]:
    commands = given.get("commands")
    kept = {key: given[key] for key in ("timeout_ms", "max_output_length") if isinstance(given.get(key), int)}
    return {"action": {"commands": [commands] if isinstance(commands, str) else _texts(commands), **kept}}


def _apply_patch(given: dict[str, Any]) -> dict[str, Any]:
    kind = given.get("type")
    operation = {"type": kind if kind in ("create_file", "delete_file") else "update_file"}
    operation["path"] = str(given.get("path") or "")
    if operation["type"] != "delete_file":
        operation["diff"] = str(given.get("diff") or "")
    return {"operation": operation}


def _tool_search(given: dict[str, Any]) -> dict[str, Any]:
    return {"execution": "client", "arguments": given}


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


_SHAPES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "local_shell": _local_shell, "shell": _shell, "apply_patch": _apply_patch, "tool_search": _tool_search,
}  # fmt: skip
_PREFIXES = {"custom": "ctc", "local_shell": "lsh", "shell": "sh", "apply_patch": "apc", "tool_search": "tsc"}
