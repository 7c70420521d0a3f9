"""Reading the turns of a Messages conversation, for every format it is translated to."""

from __future__ import annotations

import json
from typing import Any

from providers.outbound.tool_changes import changes_text

BILLING_PREFIX = "x-anthropic-billing-header:"
NO_OUTPUT = "(no output)"
NO_PLACE = "blocks without a place dropped"
"""The note of a block that a format has no words for."""
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
    if kind in ("server_tool_use", "mcp_tool_use"):
        return f"[{block.get('name')}: {json.dumps(block.get('input'), ensure_ascii=False)}]"
    if isinstance(kind, str) and kind.endswith("_tool_result"):
        content = block.get("content")
        results = content if isinstance(content, list) else [content]
        return "\n".join(f"[result: {words}]" for words in map(_found, results) if words)
    if kind == "compaction":
        return str(block.get("content") or "")
    return ""


def _found(result: Any) -> str:
    """One thing that a server tool found: a page, what a program printed, names of tools, why there is nothing."""
    if not isinstance(result, dict):
        return result.strip() if isinstance(result, str) else ""
    names = [str(tool.get("tool_name")) for tool in blocks_of(result.get("tool_references"))]
    content, lines, code = result.get("content"), result.get("lines"), result.get("return_code")
    told = [
        " ".join(str(result[key]) for key in ("title", "url") if result.get(key)),
        *(result.get(key) for key in ("text", "stdout", "stderr", "tool_name", "error_code")),
        content if isinstance(content, str) else document_text(content) if isinstance(content, dict) else "",
        "\n".join(map(str, lines)) if isinstance(lines, list) else "",
        loaded_tools_text(names) if names else "",
        f"exit code {code}" if code else "",
    ]
    return "\n".join(words.strip() for words in told if isinstance(words, str) and words.strip())


def search_result_text(block: dict[str, Any]) -> str:
    """A `search_result` block as text."""
    body = "\n".join(str(b.get("text", "")) for b in blocks_of(block.get("content")))
    return f"{block.get('title', '')} ({block.get('source', '')})\n{body}"


def document_text(block: dict[str, Any]) -> str | None:
    """The text of a document that is text; None for others."""
    source = block.get("source")
    if not isinstance(source, dict) or source.get("type") != "text":
        return None
    return f"[{block.get('title') or 'document'}]\n{_context(block)}{source.get('data', '')}"


def document_blocks(block: dict[str, Any]) -> Blocks | None:
    """The texts and images of a document that is made of blocks, after what is said of it; None for others."""
    source = block.get("source")
    if not isinstance(source, dict) or source.get("type") != "content":
        return None
    title = f"[{block['title']}]\n" if block.get("title") else ""
    heading = f"{title}{_context(block)}".rstrip("\n")
    return [*([{"type": "text", "text": heading}] if heading else []), *blocks_of(source.get("content"))]


def _context(block: dict[str, Any]) -> str:
    context = block.get("context")
    return f"{context}\n" if isinstance(context, str) and context.strip() else ""


def loaded_tools_text(names: list[str]) -> str:
    """What `tool_reference` blocks say where they have to be words."""
    return f"Loaded tools: {', '.join(names)}"


def arguments_text(tool_input: Any) -> str:
    """A call's input as the JSON text of an object, keys in their order."""
    return json.dumps(tool_input if isinstance(tool_input, dict) else {}, ensure_ascii=False, separators=(",", ":"))
