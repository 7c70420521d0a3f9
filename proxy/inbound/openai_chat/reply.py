"""A whole Messages reply as a chat completion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from providers.outbound.prompt import arguments_text
from providers.wire.messages import MessagesReply, MessagesRequest
from providers.wire.spans import dumps, loads
from proxy.inbound.openai_chat.reasoning import detail
from proxy.inbound.openai_chat.usage import finish_reason, usage_payload


def completion_id(message_id: Any) -> str:
    """A completion's id from the message's."""
    named = message_id if isinstance(message_id, str) else ""
    return "chatcmpl-" + (named.removeprefix("msg_") or "ccm")


def completion(reply: MessagesReply, request: MessagesRequest, created: int, legacy: bool) -> bytes:
    """The `chat.completion`. `created` is in seconds since 1970."""
    answer = loads(reply.body)
    content = answer.get("content")
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    choice = {
        "index": 0,
        "message": _message(blocks, legacy),
        "logprobs": None,
        "finish_reason": finish_reason(reply.stop_reason, legacy),
    }
    return dumps({
        "id": completion_id(answer.get("id")), "object": "chat.completion", "created": created,
        "model": request.model, "choices": [choice], "usage": usage_payload(reply.usage),
    })  # fmt: skip


def _message(blocks: list[dict[str, Any]], legacy: bool) -> dict[str, Any]:
    text = "".join(_texts(blocks, "text"))
    message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None}
    if thinking := "".join(_texts(blocks, "thinking")):
        message["reasoning_content"] = thinking
    details: list[dict[str, Any]] = []
    for block in blocks:
        if block.get("type") in ("thinking", "redacted_thinking") and (entry := detail(len(details), block)):
            details.append(entry)
    if details:
        message["reasoning_details"] = details
    calls = [_call(block) for block in blocks if block.get("type") == "tool_use"]
    if calls and legacy:
        message["function_call"] = calls[0]["function"]
    elif calls:
        message["tool_calls"] = calls
    return message


def _texts(blocks: Iterable[dict[str, Any]], kind: str) -> list[str]:
    return [block[kind] for block in blocks if block.get("type") == kind and isinstance(block.get(kind), str)]


def _call(block: dict[str, Any]) -> dict[str, Any]:
    function = {"name": str(block.get("name") or ""), "arguments": arguments_text(block.get("input"))}
    return {"id": str(block.get("id") or ""), "type": "function", "function": function}
