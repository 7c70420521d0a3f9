"""The input items of a Responses request as Messages turns."""

from __future__ import annotations

from typing import Any

from providers.outbound.answers import arguments_object
from providers.outbound.prompt import loaded_tools_text
from providers.wire.signatures import uncarried
from providers.wire.spans import dumps
from proxy.errors import bad_request
from proxy.inbound.openai_media import Blocks, text_blocks
from proxy.inbound.openai_responses.media import blocks_of
from proxy.inbound.openai_responses.tools import ClientTool, ClientTools
from proxy.inbound.turns import Turns

_COMPACTED = "[an earlier part of the conversation was compacted and cannot be read here]"
_ACTIONS = {"local_shell_call": "action", "shell_call": "action", "apply_patch_call": "operation"}
"""Calls of tools that models know by heart, and the member that holds what to do."""
_OUTPUTS = (
    "function_call_output", "custom_tool_call_output", "local_shell_call_output", "shell_call_output",
    "apply_patch_call_output", "tool_search_output",
)  # fmt: skip


class Conversation:
    """Add the items in order, then take the finished `turns`. Items we have never heard of are left out."""

    def __init__(self, tools: ClientTools) -> None:
        self.turns = Turns()
        self.dropped: set[str] = set()
        """Types of the items that were left out."""
        self._tools = tools
        self._thoughts: Blocks = []
        """Thinking that waits for what it led to: alone it makes no turn."""
        self._shells: dict[str, str] = {}
        """Ids of local shell calls by the id of their item: some clients answer to the one, some to the other."""

    def add(self, item: dict[str, Any], where: str) -> None:
        """One item; `where` names it in errors. Raises ApiError (400) for what cannot be served."""
        kind = item.get("type") or ("message" if "role" in item else "item_reference")
        if kind == "message":
            self._message(item, f"{where}.content")
        elif kind == "reasoning":
            self._think(item)
        elif kind in _OUTPUTS:
            self._output(kind, item, f"{where}.output")
        elif kind == "item_reference":
            raise bad_request(f"{where}: no items are stored here to be referred to; send the item itself")
        elif kind == "compaction":
            self._user_side(text_blocks(_COMPACTED))
        elif kind == "web_search_call":
            self._assistant(text_blocks(_search_words(item)))
        else:
            self._call(str(kind), item)

    def _message(self, item: dict[str, Any], where: str) -> None:
        blocks = blocks_of(item.get("content"), where)
        role = item.get("role")
        if role == "assistant":
            self._assistant(blocks)
        elif role in ("system", "developer"):
            self._thoughts = []
            self.turns.instruct(blocks)
        else:
            self._user_side(blocks)

    def _user_side(self, blocks: Blocks) -> None:
        self._thoughts = []
        self.turns.say(blocks)

    def _assistant(self, blocks: Blocks) -> None:
        if not blocks:
            return
        if self.turns.answered:
            self.turns.settle()
        self.turns.answer([*self._thoughts, *blocks])
        self._thoughts = []

    def _think(self, item: dict[str, Any]) -> None:
        summary = item.get("summary")
        parts = [part for part in summary if isinstance(part, dict)] if isinstance(summary, list) else []
        text = "\n\n".join(part["text"] for part in parts if isinstance(part.get("text"), str))
        block = uncarried(item.get("encrypted_content"), text)
        if block is not None:
            self._thoughts.append(block)

    def _call(self, kind: str, item: dict[str, Any]) -> None:
        call_id, name = str(item.get("call_id") or item.get("id") or ""), item.get("name")
        if kind in _ACTIONS:
            action = item.get(_ACTIONS[kind])
            told = (
                {key: value for key, value in action.items() if value is not None} if isinstance(action, dict) else {}
            )
            if kind != "apply_patch_call" and told.get("type") == "exec":
                del told["type"]
            self._shells[str(item.get("id") or "")] = call_id
            self._use(ClientTool(kind.removesuffix("_call"), kind.removesuffix("_call")), call_id, told)
        elif kind == "tool_search_call" and item.get("execution") == "client":
            arguments = arguments_object(item.get("arguments"), truncated=False)
            self._use(ClientTool("tool_search", "tool_search"), call_id, arguments)
        elif kind in ("function_call", "custom_tool_call") and isinstance(name, str) and name:
            namespace = item.get("namespace")
            within = namespace if isinstance(namespace, str) else ""
            if kind == "custom_tool_call":
                self._use(ClientTool("custom", name, within), call_id, {"input": str(item.get("input") or "")})
            else:
                arguments = arguments_object(item.get("arguments"), truncated=False)
                self._use(ClientTool("function", name, within), call_id, arguments)
        else:
            self.dropped.add(kind)

    def _use(self, tool: ClientTool, call_id: str, arguments: dict[str, Any]) -> None:
        name = self._tools.our_name(tool)
        self._assistant([{"type": "tool_use", "id": call_id, "name": name, "input": arguments}])

    def _output(self, kind: str, item: dict[str, Any], where: str) -> None:
        self._thoughts = []
        call_id = str(item.get("call_id") or "")
        if kind == "local_shell_call_output" and not call_id:
            own_id = str(item.get("id") or "")
            call_id = self._shells.get(own_id, own_id)
        if kind == "tool_search_output":
            if item.get("execution") == "client":
                self.turns.result(call_id, text_blocks(_found_words(item.get("tools"))))
            return
        output = item.get("output")
        if kind == "shell_call_output" and isinstance(output, list):
            output = "\n".join(_ran_words(part) for part in output if isinstance(part, dict))
        elif isinstance(output, dict):
            output = dumps(output).decode("utf-8", "replace")
        failed = item.get("status") in ("incomplete", "failed")
        self.turns.result(call_id, blocks_of(output, where), failed)


def _search_words(item: dict[str, Any]) -> str:
    action = item.get("action")
    query = action.get("query") if isinstance(action, dict) else None
    return f"[web_search: {query}]" if isinstance(query, str) and query else ""


def _found_words(tools: Any) -> str:
    found = ClientTools(tools if isinstance(tools, list) else ())
    return loaded_tools_text([tool["name"] for tool in found.offered])


def _ran_words(part: dict[str, Any]) -> str:
    """One command's output as text: what it printed, and how it ended unless it ended well."""
    texts = [part[key] for key in ("stdout", "stderr") if isinstance(part.get(key), str) and part[key]]
    outcome = part.get("outcome")
    outcome = outcome if isinstance(outcome, dict) else {}
    if outcome.get("type") == "timeout":
        texts.append("[timed out]")
    elif outcome.get("exit_code"):
        texts.append(f"[exit code {outcome['exit_code']}]")
    return "\n".join(texts)
