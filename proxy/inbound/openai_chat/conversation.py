"""The messages of a Chat conversation as Messages turns: results in one user turn right after their calls."""

from __future__ import annotations

from typing import Any

from providers.outbound.answers import arguments_object
from providers.outbound.names import legal_id
from providers.outbound.prompt import INTERRUPTED, NO_OUTPUT, as_reminder
from providers.wire.signatures import DETAILS_FORMAT
from proxy.inbound.openai_chat.media import Blocks, blocks_of, text_blocks

_BEGINNING = "[the conversation begins with the assistant's words]"


class Conversation:
    """Add the messages in order, then take `system` and the turns."""

    def __init__(self) -> None:
        self.system: Blocks = []
        """What system and developer messages said before anybody spoke."""
        self.called: dict[str, None] = {}
        """Names of the tools that were called, in order."""
        self._turns: list[dict[str, Any]] = []
        self._owed: list[tuple[str, str]] = []
        """Calls of the last assistant turn whose results are due, in call order: the client's id and ours."""
        self._used: dict[str, int] = {}
        """Ids that calls have, each with the last number it was told apart by."""
        self._results: dict[str, dict[str, Any]] = {}
        self._said: Blocks = []
        self._function_calls = 0
        self._function_id = ""
        """The id given to the last legacy `function_call`, which has none of its own."""

    def add(self, message: dict[str, Any], where: str) -> None:
        """One Chat message; `where` names it in errors. Raises ApiError (400) for media nobody takes."""
        role = message.get("role")
        if role == "assistant":
            self._settle()
            self._assistant(message, f"{where}.content")
            return
        blocks = blocks_of(message.get("content"), f"{where}.content")
        if role in ("system", "developer"):
            self._system(blocks)
        elif role == "tool":
            self._result(legal_id(str(message.get("tool_call_id") or "")), blocks)
        elif role == "function":
            self._result(self._function_id, blocks)
        else:
            self._said += blocks

    def finish(self) -> list[dict[str, Any]]:
        """All turns. A call that never got its result gets a truthful one."""
        self._settle()
        if not self._turns and self.system:
            # Messages wants a user turn: of system messages alone, the last one is the question.
            self._said = [self.system.pop()]
            self._settle()
        if self._turns and self._turns[0]["role"] == "assistant":
            self._turns.insert(0, {"role": "user", "content": text_blocks(_BEGINNING)})
        return self._turns

    def _system(self, blocks: Blocks) -> None:
        texts = [block for block in blocks if block["type"] == "text"]
        if self._turns or self._said:
            # Not every Anthropic model takes a system message amid a conversation; all know reminders.
            self._said += [{**block, "text": as_reminder(block["text"])} for block in texts]
        else:
            self.system += texts

    def _result(self, call_id: str, blocks: Blocks) -> None:
        due = [ours for given, ours in self._owed if given == call_id]
        if not due:
            self._said += [*text_blocks(f"[tool result {call_id}]"), *blocks]
            return
        ours = next((ours for ours in due if ours not in self._results), due[0])
        content = blocks or text_blocks(NO_OUTPUT)
        self._results.setdefault(ours, {"type": "tool_result", "tool_use_id": ours, "content": content})

    def _settle(self) -> None:
        """Write the user turn: the results in call order, then everything else."""
        results = [self._results.get(ours) or _interrupted(ours) for _, ours in self._owed]
        if results or self._said:
            self._write("user", [*results, *self._said])
        self._owed, self._results, self._said = [], {}, []

    def _write(self, role: str, blocks: Blocks) -> None:
        if self._turns and self._turns[-1]["role"] == role:
            self._turns[-1]["content"] += blocks
        else:
            self._turns.append({"role": role, "content": blocks})

    def _assistant(self, message: dict[str, Any], where: str) -> None:
        spoken = blocks_of(message.get("content"), where) or text_blocks(message.get("refusal"))
        calls = self._calls(message)
        if not spoken and not calls:
            return
        for call in calls:
            given, call["id"] = call["id"], self._told_apart(call["id"])
            self._owed.append((given, call["id"]))
        self._write("assistant", [*_thinking(message.get("reasoning_details")), *spoken, *calls])
        self.called |= dict.fromkeys(call["name"] for call in calls)

    def _told_apart(self, call_id: str) -> str:
        """The id, or another when a call before has it: some servers number the calls of each turn anew."""
        made, number = call_id, self._used.get(call_id, 0)
        while made in self._used:
            number += 1
            made = f"{call_id[:50]}_{number}"
        self._used[call_id] = number
        self._used.setdefault(made, 0)
        return made

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
    return {
        "type": "tool_use", "id": legal_id(str(call.get("id") or "")), "name": function["name"], "input": arguments,
    }  # fmt: skip


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


def _interrupted(call_id: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": text_blocks(INTERRUPTED), "is_error": True}
