"""The turns of a conversation as Gemini's contents: one content per side, every result in the turn after its call.

Parts are never joined: a thought signature belongs to the part it came with and to no other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from providers.outbound.gemini.media import document_part, image_part
from providers.outbound.gemini.thinking import is_third
from providers.outbound.names import NameMap, legal_id
from providers.outbound.prompt import (
    INTERRUPTED,
    NO_OUTPUT,
    NO_PLACE,
    Blocks,
    as_reminder,
    blocks_of,
    document_blocks,
    document_text,
    inline_system_text,
    loaded_tools_text,
    search_result_text,
    spoken_text,
)
from providers.targets import Target
from providers.wire import signatures

SKIPPED = "skip_thought_signature_validator"
"""The documented stand-in for the signature of a call that another model made."""
OPENING = "(the conversation begins)"
"""What the user is taken to have said where the first turn is the model's: contents begin with the user."""

_FOREIGN_THINKING = "foreign thinking dropped"
_FOREIGN_CALLS = "thought signatures of foreign calls skipped"


@dataclass(frozen=True, slots=True)
class _Call:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class _Result:
    text: str
    media: Blocks
    failed: bool = False


_MISSING = _Result(INTERRUPTED, [], True)


class Conversation:
    """Add the turns in order, then take the finished contents and the notes."""

    def __init__(self, target: Target, names: NameMap) -> None:
        self._target = target
        self._names = names
        self._third = is_third(target.actual_model)
        self._ids = not target.preset.addressing
        """Only AI Studio takes the ids of calls."""
        self._contents: list[dict[str, Any]] = []
        self._owed: list[_Call] = []
        """Calls of the last model turn whose results are still to come, in call order."""
        self._results: dict[str, _Result] = {}
        self._lifted: Blocks = []
        self._said: Blocks = []
        self._notes: dict[str, None] = {}

    def add(self, message: dict[str, Any]) -> None:
        """One Messages turn. Raises UpstreamFailure (incapable) for media that Gemini cannot take."""
        role, blocks = message.get("role"), blocks_of(message.get("content"))
        if role == "assistant":
            self._settle()
            self._assistant(blocks)
        elif role == "system":
            # A user part like any other: it waits for results that are still to come.
            if text := inline_system_text(message):
                self._said.append({"text": as_reminder(text)})
        else:
            self._user(blocks)

    def finish(self) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
        """All contents, and what was left out or rewritten; a call that never got its result gets a truthful one."""
        self._settle()
        if self._contents and self._contents[0]["role"] == "model":
            self._contents.insert(0, {"role": "user", "parts": [{"text": OPENING}]})
        return self._contents, tuple(self._notes)

    def _push(self, role: str, parts: Blocks) -> None:
        if not parts:
            return
        if self._contents and self._contents[-1]["role"] == role:
            self._contents[-1]["parts"] += parts
        else:
            self._contents.append({"role": role, "parts": parts})

    def _assistant(self, blocks: Blocks) -> None:
        parts: Blocks = []
        calls: list[_Call] = []
        signature = ""
        for block in blocks:
            kind = block.get("type")
            if kind == "thinking":
                own = self._own_signature(block)
                if own is None:
                    continue
                parts += [*_signed_nothing(signature), *_thought(block)]
                signature = own
            elif kind == "tool_use" and isinstance(block.get("name"), str):
                call = _Call(legal_id(str(block.get("id", ""))), self._names.sent(block["name"]))
                parts.append(self._signed(self._call(call, block.get("input")), signature, first=not calls))
                calls.append(call)
                signature = ""
            elif kind == "redacted_thinking":
                self._notes[_FOREIGN_THINKING] = None
            elif text := spoken_text(block):
                own_words = kind == "text"
                parts.append({"text": text, **_signature(signature if own_words else "")})
                signature = "" if own_words else signature
            elif kind != "text":
                self._notes[NO_PLACE] = None
        self._push("model", [*parts, *_signed_nothing(signature)])
        self._owed = calls

    def _own_signature(self, block: dict[str, Any]) -> str | None:
        """What a thinking block carries for the part after it; None when the block is not this model's."""
        payload = signatures.untag(block.get("signature"), self._target.origin)
        signature = payload.get("thoughtSignature") if isinstance(payload, dict) else None
        if isinstance(signature, str) and signature:
            return signature
        self._notes[_FOREIGN_THINKING] = None
        return None

    def _call(self, call: _Call, given: Any) -> dict[str, Any]:
        args = given if isinstance(given, dict) else {}
        return {"functionCall": {**self._id(call), "name": call.name, "args": args}}

    def _signed(self, part: dict[str, Any], signature: str, *, first: bool) -> dict[str, Any]:
        if not signature and first and self._third:
            self._notes[_FOREIGN_CALLS] = None
            signature = SKIPPED
        return {**part, **_signature(signature)}

    def _id(self, call: _Call) -> dict[str, Any]:
        return {"id": call.id} if self._ids else {}

    def _user(self, blocks: Blocks) -> None:
        for block in blocks:
            if block.get("type") != "tool_result":
                self._said += self._parts(block)
                continue
            call_id = legal_id(str(block.get("tool_use_id", "")))
            result = self._result(block)
            if all(call.id != call_id for call in self._owed):
                self._said += [{"text": f"[tool result {call_id}] {result.text}"}, *result.media]
            elif call_id not in self._results:
                inline = [part for part in result.media if self._third and "inlineData" in part]
                beside = [part for part in result.media if part not in inline]
                if beside:
                    self._lifted += [{"text": f"[media from tool call {call_id}]"}, *beside]
                self._results[call_id] = replace(result, media=inline)

    def _response(self, call: _Call) -> dict[str, Any]:
        result = self._results.get(call.id, _MISSING)
        told = {"error" if result.failed else "output": result.text}
        media = {"parts": result.media} if result.media else {}
        return {"functionResponse": {**self._id(call), "name": call.name, "response": told, **media}}

    def _settle(self) -> None:
        """Write what user turns brought: the results, in call order, then media, then everything else."""
        self._push("user", [*map(self._response, self._owed), *self._lifted, *self._said])
        self._owed, self._results, self._lifted, self._said = [], {}, [], []

    def _result(self, block: dict[str, Any]) -> _Result:
        texts: list[str] = []
        media: Blocks = []
        loaded: list[str] = []
        for inner in blocks_of(block.get("content")):
            kind = inner.get("type")
            if kind == "tool_reference":
                loaded.append(str(inner.get("tool_name") or inner.get("name")))
                continue
            for part in self._parts(inner):
                if "text" in part:
                    texts.append(part["text"])
                else:
                    media.append(part)
        if loaded:
            texts.append(loaded_tools_text(loaded))
        text = "\n".join(texts) or ("[see the attached media]" if media else NO_OUTPUT)
        return _Result(text, media, block.get("is_error") is True)

    def _parts(self, block: dict[str, Any]) -> Blocks:
        kind = block.get("type")
        if kind == "text":
            return [{"text": block["text"]}] if isinstance(block.get("text"), str) and block["text"] else []
        if kind == "image":
            return [image_part(block.get("source"), self._target.preset.quirks)]
        if kind == "document":
            inner = document_blocks(block)
            if inner is not None:
                return [part for nested in inner for part in self._parts(nested)]
            text = document_text(block)
            if text is None:
                return [document_part(block.get("source"))]
            return [{"text": text}] if text else []
        if kind == "search_result":
            return [{"text": search_result_text(block)}]
        self._notes[NO_PLACE] = None
        return []


def _signature(signature: str) -> dict[str, Any]:
    return {"thoughtSignature": signature} if signature else {}


def _signed_nothing(signature: str) -> Blocks:
    """A signature after which no part came: Gemini sent it with an empty text and gets it back so."""
    return [{"text": "", "thoughtSignature": signature}] if signature else []


def _thought(block: dict[str, Any]) -> Blocks:
    text = block.get("thinking")
    return [{"text": text, "thought": True}] if isinstance(text, str) and text else []
