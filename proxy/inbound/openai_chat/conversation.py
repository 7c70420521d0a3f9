"""The messages of a Chat conversation as Messages turns."""

from __future__ import annotations

from typing import Any

from providers.outbound.answers import arguments_object
from providers.wire.signatures import DETAILS_FORMAT
from proxy.inbound.openai_chat.media import blocks_of
from proxy.inbound.openai_media import Blocks, text_blocks
from proxy.inbound.turns import Turns


class Conversation:
    """Add the messages in order, then take the finished `turns`."""

    def __init__(self) -> None:
        self.turns = Turns()
        self._function_calls = 0
        self._function_id = ""
        """The id given to the last legacy `function_call`, which has none of its own."""

    def add(self, message: dict[str, Any], where: str) -> None:
        """One Chat message; `where` names it in errors. Raises ApiError (400) for media nobody takes."""
        role = message.get("role")
        if role == "assistant":
            self._assistant(message, f"{where}.content")
            return
        blocks = blocks_of(message.get("content"), f"{where}.content")
        if role in ("system", "developer"):
            self.turns.instruct(blocks)
        elif role == "tool":
            self.turns.result(str(message.get("tool_call_id") or ""), blocks)
        elif role == "function":
            self.turns.result(self._function_id, blocks)
        else:
            self.turns.say(blocks)

    def _assistant(self, message: dict[str, Any], where: str) -> None:
        self.turns.settle()
        spoken = blocks_of(message.get("content"), where) or text_blocks(message.get("refusal"))
        calls = self._calls(message)
        if spoken or calls:
            self.turns.answer([*_thinking(message.get("reasoning_details")), *spoken, *calls])

    def _calls(self, message: dict[str, Any]) -> Blocks:
        calls = message.get("tool_calls")
        blocks = [_call(call) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
        legacy = message.get("function_call")
        if isinstance(legacy, dict):
            self._function_calls += 1
            self._function_id = f"call_function_{self._function_calls}"
            blocks.append(_call({"id": self._function_id, "function": legacy}))
        return [block for block in blocks if block is not None]


def _call(call: dict[str, Any]) -> dict[str, Any] | None:
    function = call.get("function")
    custom = call.get("custom")
    if isinstance(custom, dict):
        function = {"name": custom.get("name"), "arguments": {"input": custom.get("input")}}
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        return None
    arguments = arguments_object(function.get("arguments"), truncated=False)
    return {"type": "tool_use", "id": str(call.get("id") or ""), "name": function["name"], "input": arguments}


def _thinking(details: Any) -> Blocks:
    """The thinking blocks that an earlier answer of ours carried; other vendors' reasoning is left out."""
    blocks: Blocks = []
    for entry in details if isinstance(details, list) else ():
        if not isinstance(entry, dict) or entry.get("format") != DETAILS_FORMAT:
            continue
        text, signature, data = entry.get("text"), entry.get("signature"), entry.get("data")
        if isinstance(data, str) and data:
            blocks.append({"type": "redacted_thinking", "data": data})
        elif isinstance(signature, str) and signature:
            thinking = text if isinstance(text, str) else ""
            blocks.append({"type": "thinking", "thinking": thinking, "signature": signature})
    return blocks
