"""Messages turns in the making: roles alternate, and each call's result is in the user turn right after it."""

from __future__ import annotations

from typing import Any

from providers.outbound.names import legal_id
from providers.outbound.prompt import INTERRUPTED, NO_OUTPUT, as_reminder
from proxy.inbound.openai_media import Blocks, text_blocks

_BEGINNING = "[the conversation begins with the assistant's words]"


class Turns:
    """Say in order what was said, then take `system` and the turns."""

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

    @property
    def answered(self) -> bool:
        """True when results or words came since the assistant spoke last."""
        return bool(self._results or self._said)

    def instruct(self, blocks: Blocks) -> None:
        """A system or developer message."""
        texts = [block for block in blocks if block["type"] == "text"]
        if self._turns or self._said:
            # Not every Anthropic model takes a system message amid a conversation; all know reminders.
            self._said += [{**block, "text": as_reminder(block["text"])} for block in texts]
        else:
            self.system += texts

    def say(self, blocks: Blocks) -> None:
        """The user's words."""
        self._said += blocks

    def result(self, call_id: str, blocks: Blocks, failed: bool = False) -> None:
        """What a call gave, under the client's id of it; of several results the first counts."""
        given = legal_id(call_id)
        due = [ours for owed, ours in self._owed if owed == given]
        if not due:
            self._said += [*text_blocks(f"[tool result {given}]"), *blocks]
            return
        ours = next((ours for ours in due if ours not in self._results), due[0])
        result = {"type": "tool_result", "tool_use_id": ours, "content": blocks or text_blocks(NO_OUTPUT)}
        self._results.setdefault(ours, {**result, "is_error": True} if failed else result)

    def answer(self, blocks: Blocks) -> None:
        """The assistant's blocks, its calls under the client's ids: they go on where its turn under way ended."""
        for block in blocks:
            if block["type"] == "tool_use":
                given = legal_id(block["id"])
                block["id"] = self._told_apart(given)
                self._owed.append((given, block["id"]))
                self.called[block["name"]] = None
        self._write("assistant", blocks)

    def settle(self) -> None:
        """Write the user turn, if there is one: the results in call order, then everything else.

        A call that has no result by now gets a truthful one.
        """
        results = [self._results.get(ours) or _interrupted(ours) for _, ours in self._owed]
        if results or self._said:
            self._write("user", [*results, *self._said])
        self._owed, self._results, self._said = [], {}, []

    def finish(self) -> list[dict[str, Any]]:
        """All turns."""
        self.settle()
        if not self._turns and self.system:
            # Messages wants a user turn: of system messages alone, the last one is the question.
            self._said = [self.system.pop()]
            self.settle()
        if self._turns and self._turns[0]["role"] == "assistant":
            self._turns.insert(0, {"role": "user", "content": text_blocks(_BEGINNING)})
        return self._turns

    def _write(self, role: str, blocks: Blocks) -> None:
        if self._turns and self._turns[-1]["role"] == role:
            self._turns[-1]["content"] += blocks
        else:
            self._turns.append({"role": role, "content": blocks})

    def _told_apart(self, call_id: str) -> str:
        """The id, or another when a call before has it: some servers number the calls of each turn anew."""
        made, number = call_id, self._used.get(call_id, 0)
        while made in self._used:
            number += 1
            made = f"{call_id[:50]}_{number}"
        self._used[call_id] = number
        self._used.setdefault(made, 0)
        return made


def _interrupted(call_id: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": text_blocks(INTERRUPTED), "is_error": True}
