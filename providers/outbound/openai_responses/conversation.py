"""The turns of a conversation as Responses items: every call is followed by one output, reasoning by what it led to."""

from __future__ import annotations

from typing import Any

from providers.outbound.names import NameMap, legal_id
from providers.outbound.openai_responses.parts import input_parts, output_of, text_part
from providers.outbound.prompt import (
    INTERRUPTED,
    NO_PLACE,
    Blocks,
    arguments_text,
    blocks_of,
    inline_system_text,
    spoken_text,
)
from providers.targets import Target
from providers.wire import signatures


class Conversation:
    """Add the turns in order, then take the finished list. `notes` tells what was left out or made up."""

    def __init__(self, target: Target, names: NameMap) -> None:
        self._target = target
        self._quirks = target.preset.quirks
        self._names = names
        self._items: Blocks = []
        self._owed: list[str] = []
        """Calls whose outputs are still to come, in call order."""
        self._outputs: dict[str, dict[str, Any]] = {}
        self._said: Blocks = []
        """What user turns brought so far: Messages lets several of them share the results of one turn's calls."""
        self.notes: list[str] = []

    def add(self, message: dict[str, Any]) -> None:
        """One Messages turn. Raises UpstreamFailure (rejected) for media the target cannot take."""
        role, blocks = message.get("role"), blocks_of(message.get("content"))
        if role == "assistant":
            if self._outputs or self._said:
                self._settle()  # else it goes on where the last assistant turn ended
            self._assistant(blocks)
        elif role == "system":
            self._inline_system(inline_system_text(message))
        else:
            self._user(blocks)

    def finish(self) -> Blocks:
        """All items; a call that never got its result gets a truthful one."""
        self._settle()
        return self._items

    def _assistant(self, blocks: Blocks) -> None:
        turn = _Turn()
        for block in blocks:
            kind = block.get("type")
            if kind == "thinking":
                self._think(turn, block)
            elif kind == "redacted_thinking":
                self.notes.append("redacted thinking dropped")
            elif kind == "tool_use" and isinstance(block.get("name"), str):
                call = self._call(block)
                turn.act(call)
                self._owed.append(call["call_id"])
            elif words := spoken_text(block):
                turn.say(words)
            elif kind != "text":
                self.notes.append(NO_PLACE)
        if turn.idle_thoughts:
            self.notes.append("reasoning that led to nothing dropped")
        self._items += turn.items_with_phase() if self._quirks.phase else turn.items

    def _think(self, turn: _Turn, block: dict[str, Any]) -> None:
        item = self._reasoning(block)
        if item is None:
            self.notes.append("foreign thinking dropped")
        else:
            turn.think(item)

    def _reasoning(self, block: dict[str, Any]) -> dict[str, Any] | None:
        """The item that this block was made of, when this very model made it; else None."""
        payload = signatures.untag(block.get("signature"), self._target.origin)
        if not isinstance(payload, dict):
            return None
        id_, encrypted = payload.get("id"), payload.get("encrypted_content")
        if not isinstance(encrypted, str) or not encrypted:
            return None
        item: dict[str, Any] = {"type": "reasoning"}
        if isinstance(id_, str) and id_:
            item["id"] = id_
        elif self._target.preset.addressing != "codex":
            return None  # the platform's own reference demands the id
        words = block.get("thinking")
        summary = [{"type": "summary_text", "text": words}] if isinstance(words, str) and words else []
        return {**item, "summary": summary, "encrypted_content": encrypted}

    def _call(self, block: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "function_call",
            "call_id": legal_id(str(block.get("id", ""))),
            "name": self._names.sent(block["name"]),
            "arguments": arguments_text(block.get("input")),
        }

    def _user(self, blocks: Blocks) -> None:
        for block in blocks:
            if block.get("type") == "tool_result":
                self._result(block)
                continue
            self._said += input_parts(block, self._quirks, self.notes)
        if all(call_id in self._outputs for call_id in self._owed):
            self._settle()

    def _result(self, block: dict[str, Any]) -> None:
        call_id = legal_id(str(block.get("tool_use_id", "")))
        failed = block.get("is_error") is True
        output = output_of(block, self._quirks, self.notes)
        if call_id not in self._owed:
            label = f"[tool result {call_id}]"
            if isinstance(output, str):
                self._said.append(text_part(f"{label} {output}"))
            else:
                self._said += [text_part(label), *output]
            self.notes.append("results without a call told as text")
        elif call_id in self._outputs:
            self.notes.append("second results of a call dropped")
        else:
            self._outputs[call_id] = _output_item(call_id, output, failed)

    def _settle(self) -> None:
        """Write what user turns brought: the outputs, in call order, then everything else."""
        for call_id in self._owed:
            if call_id not in self._outputs:
                self.notes.append("missing tool results filled in")
            self._items.append(self._outputs.get(call_id) or _output_item(call_id, INTERRUPTED, failed=True))
        if self._said:
            self._items.append(_message("user", self._said))
        self._owed, self._outputs, self._said = [], {}, []

    def _inline_system(self, text: str) -> None:
        if text:
            self._settle()
            self._items.append(_message("developer", [text_part(text)]))


class _Turn:
    """One assistant turn: runs of text become one message, and thoughts wait for what they lead to."""

    def __init__(self) -> None:
        self.items: Blocks = []
        self.idle_thoughts: Blocks = []
        self._speech: Blocks | None = None

    def think(self, item: dict[str, Any]) -> None:
        self.idle_thoughts.append(item)

    def say(self, text: str) -> None:
        part = {"type": "output_text", "text": text}
        if self._speech is not None and not self.idle_thoughts:
            self._speech.append(part)
            return
        speech = [part]
        self.act(_message("assistant", speech))
        self._speech = speech

    def act(self, item: dict[str, Any]) -> None:
        self.items += [*self.idle_thoughts, item]
        self.idle_thoughts, self._speech = [], None

    def items_with_phase(self) -> Blocks:
        """The items, each message told whether it came before a call or is the answer."""
        last_call = max((at for at, item in enumerate(self.items) if item["type"] == "function_call"), default=-1)
        return [
            {**item, "phase": "commentary" if at < last_call else "final_answer"} if item["type"] == "message" else item
            for at, item in enumerate(self.items)
        ]


def _message(role: str, parts: Blocks) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": parts}


def _output_item(call_id: str, output: str | Blocks, failed: bool) -> dict[str, Any]:
    item: dict[str, Any] = {"type": "function_call_output", "call_id": call_id, "output": output}
    return {**item, "status": "incomplete"} if failed else item
