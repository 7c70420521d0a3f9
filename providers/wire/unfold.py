"""A whole reply as the Messages stream it would have been, for a client that asked for one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from providers.wire.messages import MessagesEvent, MessagesReply
from providers.wire.spans import MalformedJson, dumps, loads_told


def unfold(reply: MessagesReply) -> list[MessagesEvent]:
    """The events from message_start to message_stop. Raises MalformedJson when the reply is no Messages reply."""
    message = loads_told(reply.body)
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise MalformedJson("the answer holds no list of blocks")
    ended = {"stop_reason": message.get("stop_reason"), "stop_sequence": message.get("stop_sequence")}
    usage = reply.usage.as_payload()
    start = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 0},
    }
    payloads: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(content):
        begun, deltas = _parts(block)
        payloads.append({"type": "content_block_start", "index": index, "content_block": begun})
        payloads += ({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
        payloads.append({"type": "content_block_stop", "index": index})
    payloads += ({"type": "message_delta", "delta": ended, "usage": usage}, {"type": "message_stop"})
    return [MessagesEvent.of(payload) for payload in payloads]


def _parts(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How a block begins and the deltas that complete it; a block of a kind without deltas begins whole."""
    kind = block.get("type")
    if kind == "text":
        return {**block, "text": "", "citations": []} if block.get("citations") else {**block, "text": ""}, [
            *_text(block)
        ]
    if kind == "thinking":
        return {**block, "thinking": "", "signature": ""}, [*_thinking(block)]
    if kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
        given = dumps(block.get("input") or {}).decode()
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": given}]
    return block, []


def _text(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if text := block.get("text"):
        yield {"type": "text_delta", "text": text}
    for citation in block.get("citations") or ():
        yield {"type": "citations_delta", "citation": citation}


def _thinking(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if text := block.get("thinking"):
        yield {"type": "thinking_delta", "thinking": text}
    if signature := block.get("signature"):
        yield {"type": "signature_delta", "signature": signature}
