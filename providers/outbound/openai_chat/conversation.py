"""The turns of a conversation in Chat's words: results right after their calls, media lifted out of them."""

from __future__ import annotations

import json
from typing import Any

from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.outbound.openai_chat.names import NameMap, legal_id
from providers.presets import Quirks

BILLING_PREFIX = "x-anthropic-billing-header:"
NO_OUTPUT = "(no output)"
INTERRUPTED = "[tool call was interrupted]"

_Blocks = list[dict[str, Any]]


def blocks_of(content: Any) -> _Blocks:
    """A message's content as blocks, whatever form it has; what is no block is left out."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def system_text(system: Any) -> str:
    """The system prompt as one text, without the client's billing line: it differs per conversation."""
    texts = [str(b["text"]) for b in blocks_of(system) if isinstance(b.get("text"), str)]
    if texts and texts[0].startswith(BILLING_PREFIX):
        texts[0] = texts[0].partition("\n")[2]
    return "\n\n".join(text for text in texts if text.strip())


class Conversation:
    """Add the turns in order, then take the finished list."""

    def __init__(self, quirks: Quirks, names: NameMap) -> None:
        self._quirks = quirks
        self._names = names
        self._messages: list[dict[str, Any]] = []
        self._owed: list[str] = []
        """Tool calls of the last assistant turn whose results are still to come, in call order."""
        self._results: dict[str, str] = {}
        self._lifted: _Blocks = []
        self._said: _Blocks = []
        """What user turns brought so far: Messages lets several of them share the results of one turn's calls."""

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
            self._inline_system(blocks)
        else:
            self._user(blocks)

    def finish(self) -> list[dict[str, Any]]:
        """All messages; a call that never got its result gets a truthful one."""
        self._settle()
        return self._messages

    def _assistant(self, blocks: _Blocks) -> None:
        text = "\n\n".join(t for t in (_assistant_text(block) for block in blocks) if t)
        calls = [self._call(b) for b in blocks if b.get("type") == "tool_use" and isinstance(b.get("name"), str)]
        if not text and not calls:
            return
        turn: dict[str, Any] = {"role": "assistant", "content": text or None}
        thinking = "".join(str(b.get("thinking", "")) for b in blocks if b.get("type") == "thinking")
        if self._quirks.reasoning_replay and thinking:
            turn["reasoning_content"] = thinking
        if calls:
            turn["tool_calls"] = calls
            self._owed = [call["id"] for call in calls]
        self._messages.append(turn)

    def _call(self, block: dict[str, Any]) -> dict[str, Any]:
        source = block.get("input")
        arguments = json.dumps(source if isinstance(source, dict) else {}, ensure_ascii=False, separators=(",", ":"))
        function = {"name": self._names.sent(block["name"]), "arguments": arguments}
        return {"id": legal_id(str(block.get("id", ""))), "type": "function", "function": function}

    def _user(self, blocks: _Blocks) -> None:
        for block in blocks:
            if block.get("type") != "tool_result":
                self._said += self._parts(block)
                continue
            call_id = legal_id(str(block.get("tool_use_id", "")))
            text, media = self._result(block, call_id)
            if call_id in self._owed:
                if call_id not in self._results:
                    self._results[call_id] = text
                    self._lifted += media
            else:
                self._said += [_text_part(f"[tool result {call_id}] {text}"), *media]
        if all(call_id in self._results for call_id in self._owed):
            self._settle()

    def _settle(self) -> None:
        """Write what user turns brought: the results, in call order, then everything else."""
        for call_id in self._owed:
            content = self._results.get(call_id, INTERRUPTED)
            self._messages.append({"role": "tool", "tool_call_id": call_id, "content": content})
        if self._lifted or self._said:
            self._messages.append({"role": "user", "content": _joined(self._lifted + self._said)})
        self._owed, self._results, self._lifted, self._said = [], {}, [], []

    def _inline_system(self, blocks: _Blocks) -> None:
        text = "\n\n".join(str(b["text"]) for b in blocks if b.get("type") == "text" and b.get("text"))
        if not text.strip():
            return
        self._settle()
        role = self._quirks.inline_system
        wrapped = text if role != "user" else f"<system-reminder>\n{text}\n</system-reminder>"
        self._messages.append({"role": role, "content": wrapped})

    def _result(self, block: dict[str, Any], call_id: str) -> tuple[str, _Blocks]:
        texts: list[str] = []
        media: _Blocks = []
        loaded: list[str] = []
        for inner in blocks_of(block.get("content")):
            kind = inner.get("type")
            if kind == "tool_reference":
                loaded.append(str(inner.get("tool_name") or inner.get("name")))
            elif kind in ("image", "document") and not _plain_document(inner):
                media += [_text_part(f"[{kind} from tool call {call_id}]"), *self._parts(inner)]
            else:
                texts += [part["text"] for part in self._parts(inner)]
        if loaded:
            texts.append(f"Loaded tools: {', '.join(loaded)}")
        text = "\n".join(text for text in texts if text) or (f"[see the {_noun(media)} below]" if media else NO_OUTPUT)
        return (f"Error: {text}" if block.get("is_error") is True else text), media

    def _parts(self, block: dict[str, Any]) -> _Blocks:
        kind = block.get("type")
        if kind == "text":
            return [_text_part(block["text"])] if isinstance(block.get("text"), str) and block["text"] else []
        if kind == "image":
            return [self._image(block.get("source"))]
        if kind == "document":
            return [self._document(block)]
        if kind == "search_result":
            body = "\n".join(str(b.get("text", "")) for b in blocks_of(block.get("content")))
            return [_text_part(f"{block.get('title', '')} ({block.get('source', '')})\n{body}")]
        return []

    def _image(self, source: Any) -> dict[str, Any]:
        source = source if isinstance(source, dict) else {}
        if not self._quirks.images or source.get("type") not in ("base64", "url"):
            raise _cannot("image_block")
        url = source.get("url")
        if source["type"] == "base64":
            url = f"data:{source.get('media_type', 'image/png')};base64,{source.get('data', '')}"
        return {"type": "image_url", "image_url": {"url": url}}

    def _document(self, block: dict[str, Any]) -> dict[str, Any]:
        source = block.get("source") if isinstance(block.get("source"), dict) else {}
        assert isinstance(source, dict)
        title = str(block.get("title") or "document")
        if source.get("type") == "text":
            return _text_part(f"[{title}]\n{source.get('data', '')}")
        if source.get("type") == "content":
            return _text_part("\n".join(str(b.get("text", "")) for b in blocks_of(source.get("content"))))
        if not self._quirks.pdf or source.get("type") != "base64":
            raise _cannot("document_block")
        data = f"data:{source.get('media_type', 'application/pdf')};base64,{source.get('data', '')}"
        name = title if title.lower().endswith(".pdf") else f"{title}.pdf"
        return {"type": "file", "file": {"filename": name, "file_data": data}}


def _assistant_text(block: dict[str, Any]) -> str:
    kind = block.get("type")
    if kind == "text":
        return str(block.get("text") or "")
    if kind == "server_tool_use":
        return f"[{block.get('name')}: {json.dumps(block.get('input'), ensure_ascii=False)}]"
    if isinstance(kind, str) and kind.endswith("_tool_result"):
        found = [f"{r.get('title', '')} {r.get('url', '')}".strip() for r in blocks_of(block.get("content"))]
        return "\n".join(f"[result: {line}]" for line in found if line)
    if kind == "compaction":
        return str(block.get("content") or "")
    return ""


def _plain_document(block: dict[str, Any]) -> bool:
    source = block.get("source")
    return block.get("type") == "document" and isinstance(source, dict) and source.get("type") in ("text", "content")


def _noun(media: _Blocks) -> str:
    return "file" if any(part["type"] == "file" for part in media) else "image"


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _joined(parts: _Blocks) -> Any:
    """Texts alone as one string, which every server takes; with media among them as parts."""
    return "\n\n".join(part["text"] for part in parts) if all(part["type"] == "text" for part in parts) else parts


def _cannot(what: str) -> UpstreamFailure:
    # Claude Code acts on exactly this wording: it sends the turn again without the block.
    return UpstreamFailure(
        Failure(FailureKind.REJECTED, f"capability_rejected: {what}", 400, None, "invalid_request_error")
    )
