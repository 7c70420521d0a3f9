"""Cache marks in Chat's messages, for models that keep a prompt only up to where they are told to.

Source: OpenRouter's guide to prompt caching; the marks are Anthropic's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from providers.outbound.prompt import Blocks, blocks_of


def mark_for_cache(messages: Sequence[dict[str, Any]], source: dict[str, Any]) -> None:
    """Mark the system prompt and the last turn that is not the model's, where the client marked any such block."""
    turns = source.get("messages")
    said = [block for turn in turns or () if isinstance(turn, dict) for block in blocks_of(turn.get("content"))]
    leading = [message for message in messages[:1] if message["role"] == "system"]
    last = [message for message in messages[len(leading) :] if message["role"] != "assistant"][-1:]
    for marked, blocks in ((leading, blocks_of(source.get("system"))), (last, [*said, source])):
        mark = _mark(blocks)
        for message in marked if mark else ():
            message["content"] = _marked(message["content"], mark)


def _mark(blocks: Blocks) -> dict[str, Any]:
    marks = [block["cache_control"] for block in blocks if isinstance(block.get("cache_control"), dict)]
    return {key: marks[-1][key] for key in ("type", "ttl") if key in marks[-1]} if marks else {}


def _marked(content: Any, mark: dict[str, Any]) -> list[dict[str, Any]]:
    *before, last = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [*before, {**last, "cache_control": mark}]
