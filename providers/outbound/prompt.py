"""Reading the turns of a Messages conversation, for every format it is translated to."""

from __future__ import annotations

import json
from typing import Any

from providers.outbound.tool_changes import changes_text

BILLING_PREFIX = "x-anthropic-billing-header:"
NO_OUTPUT = "(no output)"
INTERRUPTED = "[tool call was interrupted]"

Blocks = list[dict[str, Any]]


def blocks_of(content: Any) -> Blocks:
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


def inline_system_text(message: dict[str, Any]) -> str:
    """What a `role: system` message says, and which tools come and go; empty when it only carries settings."""
    content = message.get("content")
    texts = [str(b["text"]) for b in blocks_of(content) if b.get("type") == "text" and b.get("text")]
    joined = "\n\n".join(filter(None, [*texts, changes_text(content)]))
    return joined if joined.strip() else ""


def as_reminder(text: str) -> str:
    """A system text in a user turn's clothes, for targets that take no system message amid a conversation."""
    return f"<system-reminder>\n{text}\n</system-reminder>"


def spoken_text(block: dict[str, Any]) -> str:
    """An assistant block as text: what server tools did and found is told in words, thinking and calls are not."""
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


def search_result_text(block: dict[str, Any]) -> str:
    """A `search_result` block as text."""
    body = "\n".join(str(b.get("text", "")) for b in blocks_of(block.get("content")))
    return f"{block.get('title', '')} ({block.get('source', '')})\n{body}"


def document_text(block: dict[str, Any]) -> str | None:
    """The text of a document that is text (`text` and `content` sources); None for files."""
    source = block.get("source")
    if not isinstance(source, dict):
        return None
    if source.get("type") == "text":
        return f"[{block.get('title') or 'document'}]\n{source.get('data', '')}"
    if source.get("type") == "content":
        return "\n".join(str(b.get("text", "")) for b in blocks_of(source.get("content")))
    return None


def loaded_tools_text(names: list[str]) -> str:
    """What `tool_reference` blocks say where they have to be words."""
    return f"Loaded tools: {', '.join(names)}"


def arguments_text(tool_input: Any) -> str:
    """A call's input as the JSON text of an object, keys in their order."""
    return json.dumps(tool_input if isinstance(tool_input, dict) else {}, ensure_ascii=False, separators=(",", ":"))
