"""A whole chat completion as a Messages reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from providers.errors import UpstreamFailure
from providers.outbound.answers import (
    ToolIds,
    answer_object,
    arguments_object,
    garbled,
    made_up_tool_id,
    message_id,
)
from providers.outbound.effort import asks_for_thinking
from providers.outbound.names import NameMap
from providers.outbound.openai_chat.errors import error_failure
from providers.outbound.openai_chat.usage import finish_of, is_cut_off, matched_stop, read_usage, stop_reason
from providers.targets import Target
from providers.wire.messages import MessagesReply, MessagesRequest, Usage
from providers.wire.signatures import tag
from providers.wire.spans import dumps
from providers.wire.tokens import estimate_text, estimate_tokens


def read_reply(body: bytes, messages: MessagesRequest, target: Target, *, native: bool = False) -> MessagesReply:
    """The Messages reply, content in the order thinking, text, tools. Raises UpstreamFailure.

    `native`: the client speaks Chat itself and gets all there is.
    """
    answer = answer_object(body)
    if answer.get("error"):
        raise UpstreamFailure(error_failure(answer["error"], 200))
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    message = choice.get("message") if choice is not None else None
    if choice is None or not isinstance(message, dict):
        raise garbled("the answer is no chat completion")
    finish = finish_of(choice)
    refusal = message.get("refusal")
    own_id = message_id(answer.get("id"), messages)
    ids = ToolIds(messages)

    def tool_id(call: dict[str, Any], number: int) -> str:
        return ids.take(call.get("id"), made_up_tool_id(own_id, number))

    content = _content(message, NameMap.of(messages), tool_id, target.origin, truncated=is_cut_off(finish))
    tools = sum(block["type"] == "tool_use" for block in content)
    if not (native or asks_for_thinking(messages.parsed) or (tools and wants_thinking_back(target))):
        content = [block for block in content if block["type"] != "thinking"]
    usage = read_usage(answer.get("usage")) or Usage(estimate_tokens(messages), estimate_text(dumps(content).decode()))
    reason = stop_reason(finish, tools, isinstance(refusal, str) and bool(refusal))
    matched = matched_stop(choice) if reason == "end_turn" else None
    reason = "stop_sequence" if matched else reason
    reply = {
        "id": own_id, "type": "message", "role": "assistant", "model": messages.model,
        "content": content, "stop_reason": reason, "stop_sequence": matched, "usage": usage.as_payload(),
    }  # fmt: skip
    return MessagesReply(dumps(reply), usage, reason, bool(content))


def wants_thinking_back(target: Target) -> bool:
    """True where the calls of a turn have to come back with the thinking that led to them."""
    return target.preset.quirks.reasoning_replay or target.preset.quirks.reasoning_details


def reasoning_of(message: dict[str, Any]) -> str:
    """The thinking text, under whichever name the server gives it."""
    for key in ("reasoning_content", "reasoning"):
        if isinstance(message.get(key), str) and message[key]:
            return str(message[key])
    content = message.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    pieces = [
        *(detail.get("text") or detail.get("summary") for detail in details_of(message)),
        *(text_of(part.get("thinking")) for part in parts if part.get("type") == "thinking"),  # Mistral's way
    ]
    return "".join(piece for piece in pieces if isinstance(piece, str))


def details_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """OpenRouter's `reasoning_details`, which it wants back unchanged."""
    details = message.get("reasoning_details")
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []


def text_of(content: Any) -> str:
    """Visible text: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    parts = [p.get("text") for p in content if isinstance(p, dict)] if isinstance(content, list) else []
    return "".join(part for part in parts if isinstance(part, str))


def _content(
    message: dict[str, Any], names: NameMap, tool_id: Callable[[dict[str, Any], int], str], origin: str, truncated: bool
) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    details = details_of(message)
    thinking = reasoning_of(message)
    if thinking or details:
        content.append({"type": "thinking", "thinking": thinking, "signature": tag(origin, details or None)})
    if text := text_of(message.get("content")) or text_of(message.get("refusal")):
        content.append({"type": "text", "text": text})
    calls = message.get("tool_calls")
    for number, call in enumerate(calls if isinstance(calls, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str) and function["name"]:
            content.append(_tool_use(tool_id(call, number), function, names, truncated))
    return content


def _tool_use(tool_id: str, function: dict[str, Any], names: NameMap, truncated: bool) -> dict[str, Any]:
    return {
        "type": "tool_use",
        "id": tool_id,
        "name": names.original(function["name"]),
        "input": arguments_object(function.get("arguments"), truncated),
    }
