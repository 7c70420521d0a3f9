"""The turns of a conversation in Chat's words: results right after their calls, media lifted out of them."""

from __future__ import annotations

from typing import Any

from providers.outbound.incapable import cannot
from providers.outbound.names import NameMap, legal_id, short_id
from providers.outbound.prompt import (
    INTERRUPTED,
    NO_OUTPUT,
    NO_PLACE,
    Blocks,
    arguments_text,
    as_reminder,
    blocks_of,
    document_blocks,
    document_text,
    inline_system_text,
    loaded_tools_text,
    search_result_text,
    spoken_text,
)
from providers.presets import Quirks
from providers.wire.signatures import tag, untag


class Conversation:
    """Add the turns in order, then take the finished list. `notes` tells what was left out or made up."""

    def __init__(self, quirks: Quirks, names: NameMap, origin: str) -> None:
        self._origin = origin
        self._legal_id = short_id if quirks.short_ids else legal_id
        self._quirks = quirks
        self._names = names
        self._messages: list[dict[str, Any]] = []
        self._owed: list[str] = []
        """Tool calls of the last assistant turn whose results are still to come, in call order."""
        self._results: dict[str, str] = {}
        self._lifted: Blocks = []
        self._said: Blocks = []
        """What user turns brought so far: Messages lets several of them share the results of one turn's calls."""
        self.notes: list[str] = []

    def system(self, text: str) -> None:
        """The leading system message."""
        self._messages.append({"role": "system", "content": text})

    def add(self, message: dict[str, Any]) -> None:
        """One Messages turn. Raises UpstreamFailure (rejected) for media the target cannot take."""
        role, blocks = message.get("role"), blocks_of(message.get("content"))
        if role == "assistant":
            self._settle()
            self._assistant(blocks)
        elif role == "system":
            self._inline_system(inline_system_text(message))
        else:
            self._user(blocks)

    def finish(self) -> list[dict[str, Any]]:
        """All messages; a call that never got its result gets a truthful one."""
        self._settle()
        return self._messages

    def _assistant(self, blocks: Blocks) -> None:
        self.notes += [note for note in map(self._lost, blocks) if note]
        text = "\n\n".join(t for t in (spoken_text(block) for block in blocks) if t)
        calls = [self._call(b) for b in blocks if b.get("type") == "tool_use" and isinstance(b.get("name"), str)]
        if not text and not calls:
            return
        turn: dict[str, Any] = {"role": "assistant", "content": text or None}
        thinking = "".join(str(b.get("thinking", "")) for b in blocks if b.get("type") == "thinking")
        if self._quirks.reasoning_replay and thinking:
            turn["reasoning_content"] = thinking
        details = [d for b in blocks if b.get("type") == "thinking" for d in self._details(b)]
        if self._quirks.reasoning_details and details:
            turn["reasoning_details"] = details
        if calls:
            turn["tool_calls"] = calls
            self._owed = [call["id"] for call in calls]
        self._messages.append(turn)

    def _lost(self, block: dict[str, Any]) -> str:
        """What to note of an assistant's block that does not go back; empty for one that does, or has nothing to it."""
        kind = block.get("type")
        if kind == "redacted_thinking":
            return "redacted thinking dropped"
        if kind == "thinking":
            own = block.get("signature") == tag(self._origin, None)  # given without anything that wants to come back
            kept = self._quirks.reasoning_replay or (self._quirks.reasoning_details and self._details(block))
            return "" if own or kept else "foreign thinking dropped"
        return "" if kind in ("text", "tool_use") or spoken_text(block) else NO_PLACE

    def _details(self, block: dict[str, Any]) -> list[Any]:
        details = untag(block.get("signature"), self._origin)
        return details if isinstance(details, list) else []

    def _call(self, block: dict[str, Any]) -> dict[str, Any]:
        function = {"name": self._names.sent(block["name"]), "arguments": arguments_text(block.get("input"))}
        return {"id": self._legal_id(str(block.get("id", ""))), "type": "function", "function": function}

    def _user(self, blocks: Blocks) -> None:
        for block in blocks:
            if block.get("type") != "tool_result":
                self._said += self._parts(block)
                continue
            call_id = self._legal_id(str(block.get("tool_use_id", "")))
            text, media = self._result(block, call_id)
            if call_id in self._results:
                self.notes.append("second results of a call dropped")
            elif call_id in self._owed:
                self._results[call_id] = text
                self._lifted += media
            else:
                self.notes.append("results without a call told as text")
                self._said += [_text_part(f"[tool result {call_id}] {text}"), *media]
        if all(call_id in self._results for call_id in self._owed):
            self._settle()

    def _settle(self) -> None:
        """Write what user turns brought: the results, in call order, then everything else."""
        if any(call_id not in self._results for call_id in self._owed):
            self.notes.append("missing tool results filled in")
        for call_id in self._owed:
            content = self._results.get(call_id, INTERRUPTED)
            self._messages.append({"role": "tool", "tool_call_id": call_id, "content": content})
        if self._lifted or self._said:
            self._messages.append({"role": "user", "content": _joined(self._lifted + self._said)})
        self._owed, self._results, self._lifted, self._said = [], {}, [], []

    def _inline_system(self, text: str) -> None:
        if not text:
            return
        self._settle()
        role = self._quirks.inline_system
        self._messages.append({"role": role, "content": as_reminder(text) if role == "user" else text})

    def _result(self, block: dict[str, Any], call_id: str) -> tuple[str, Blocks]:
        texts: list[str] = []
        media: Blocks = []
        loaded: list[str] = []
        for inner in blocks_of(block.get("content")):
            kind = inner.get("type")
            if kind == "tool_reference":
                loaded.append(str(inner.get("tool_name") or inner.get("name")))
                continue
            parts = self._parts(inner)
            texts += [part["text"] for part in parts if part["type"] == "text"]
            if seen := [part for part in parts if part["type"] != "text"]:
                media += [_text_part(f"[{kind} from tool call {call_id}]"), *seen]
        if loaded:
            texts.append(loaded_tools_text(loaded))
        text = "\n".join(text for text in texts if text) or (f"[see the {_noun(media)} below]" if media else NO_OUTPUT)
        return (f"Error: {text}" if block.get("is_error") is True else text), media

    def _parts(self, block: dict[str, Any]) -> Blocks:
        kind = block.get("type")
        if kind == "text":
            return [_text_part(block["text"])] if isinstance(block.get("text"), str) and block["text"] else []
        if kind == "image":
            return [self._image(block.get("source"))]
        if kind == "document":
            inner = document_blocks(block)
            if inner is not None:
                return [part for nested in inner for part in self._parts(nested)]
            return [self._document(block)]
        if kind == "search_result":
            return [_text_part(search_result_text(block))]
        self.notes.append(NO_PLACE)
        return []

    def _image(self, source: Any) -> dict[str, Any]:
        source = source if isinstance(source, dict) else {}
        if not self._quirks.images or source.get("type") not in ("base64", "url"):
            raise cannot("image_block")
        url = source.get("url")
        if source["type"] == "base64":
            url = f"data:{source.get('media_type', 'image/png')};base64,{source.get('data', '')}"
        return {"type": "image_url", "image_url": {"url": url}}

    def _document(self, block: dict[str, Any]) -> dict[str, Any]:
        text = document_text(block)
        if text is not None:
            return _text_part(text)
        source = block.get("source")
        title = str(block.get("title") or "document")
        if not self._quirks.pdf or not isinstance(source, dict) or source.get("type") != "base64":
            raise cannot("document_block")
        data = f"data:{source.get('media_type', 'application/pdf')};base64,{source.get('data', '')}"
        name = title if title.lower().endswith(".pdf") else f"{title}.pdf"
        return {"type": "file", "file": {"filename": name, "file_data": data}}


def _noun(media: Blocks) -> str:
    return "file" if any(part["type"] == "file" for part in media) else "image"


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _joined(parts: Blocks) -> Any:
    """Texts alone as one string, which every server takes; with media among them as parts."""
    return "\n\n".join(part["text"] for part in parts) if all(part["type"] == "text" for part in parts) else parts
