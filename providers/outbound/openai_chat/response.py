"""A whole chat completion as a Messages reply."""

from __future__ import annotations

import hashlib
from typing import Any

from providers.errors import Failure, FailureKind, UpstreamFailure, plain_words
from providers.outbound.openai_chat.errors import error_failure
from providers.outbound.openai_chat.names import NameMap
from providers.outbound.openai_chat.usage import read_usage, stop_reason
from providers.wire.messages import MessagesReply, MessagesRequest, Usage
from providers.wire.spans import MalformedJson, dumps, loads
from providers.wire.tokens import estimate_text, estimate_tokens


def read_reply(body: bytes, messages: MessagesRequest, names: NameMap) -> MessagesReply:
    """The Messages reply, content in the order thinking, text, tools. Raises UpstreamFailure."""
    answer = _object(body)
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    message = choice.get("message") if choice is not None else None
    if choice is None or not isinstance(message, dict):
        raise UpstreamFailure(Failure(FailureKind.GARBLED, "the answer is no chat completion", 200))
    finish = choice.get("finish_reason")
    finish = finish if isinstance(finish, str) else None
    refusal = message.get("refusal")
    own_id = message_id(answer.get("id"), messages)
    content = _content(message, names, own_id, truncated=finish == "length")
    tools = sum(block["type"] == "tool_use" for block in content)
    usage = read_usage(answer.get("usage")) or Usage(estimate_tokens(messages), estimate_text(dumps(content).decode()))
    reason = stop_reason(finish, tools, isinstance(refusal, str) and bool(refusal))
    reply = {
        "id": own_id, "type": "message", "role": "assistant", "model": messages.model,
        "content": content, "stop_reason": reason, "stop_sequence": None, "usage": usage.as_payload(),
    }  # fmt: skip
    return MessagesReply(dumps(reply), usage, reason, bool(content))


def message_id(upstream_id: Any, messages: MessagesRequest) -> str:
    """A Messages id made from the upstream's and the request: some servers name every answer the same, or none."""
    seed = str(upstream_id or "").encode("utf-8", "replace") + b"\0" + messages.body
    return "msg_" + hashlib.sha256(seed).hexdigest()[:24]


def made_up_tool_id(own_id: str, number: int) -> str:
    """An id for a call that came without one: no other call of the conversation has it."""
    return f"toolu_{number}_{own_id.removeprefix('msg_')}"


def reasoning_of(message: dict[str, Any]) -> str:
    """The thinking text, under whichever name the server gives it."""
    for key in ("reasoning_content", "reasoning"):
        if isinstance(message.get(key), str) and message[key]:
            return str(message[key])
    details = message.get("reasoning_details")
    details = details if isinstance(details, list) else []
    pieces = [d.get("text") or d.get("summary") for d in details if isinstance(d, dict)]
    return "".join(piece for piece in pieces if isinstance(piece, str))


def text_of(content: Any) -> str:
    """Visible text: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    parts = [p.get("text") for p in content if isinstance(p, dict)] if isinstance(content, list) else []
    return "".join(part for part in parts if isinstance(part, str))


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = loads(body)
    except MalformedJson as error:
        words = plain_words(body.decode("utf-8", "replace")) if body.strip() else "the answer was empty"
        raise UpstreamFailure(Failure(FailureKind.GARBLED, words, 200)) from error
    if not isinstance(answer, dict):
        raise UpstreamFailure(Failure(FailureKind.GARBLED, "the answer is no JSON object", 200))
    if answer.get("error"):
        raise UpstreamFailure(error_failure(answer["error"], 200))
    return answer


def _content(message: dict[str, Any], names: NameMap, own_id: str, truncated: bool) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    if thinking := reasoning_of(message):
        content.append({"type": "thinking", "thinking": thinking, "signature": ""})
    if text := text_of(message.get("content")) or text_of(message.get("refusal")):
        content.append({"type": "text", "text": text})
    calls = message.get("tool_calls")
    for number, call in enumerate(calls if isinstance(calls, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str) and function["name"]:
            content.append(_tool_use(call, function, names, made_up_tool_id(own_id, number), truncated))
    return content


def _tool_use(
    call: dict[str, Any], function: dict[str, Any], names: NameMap, spare_id: str, truncated: bool
) -> dict[str, Any]:
    arguments = function.get("arguments")
    return {
        "type": "tool_use",
        "id": str(call.get("id") or spare_id),
        "name": names.original(function["name"]),
        "input": _input(arguments, truncated),
    }


def _input(arguments: Any, truncated: bool) -> dict[str, Any]:
    if isinstance(arguments, dict):
        return arguments
    text = arguments if isinstance(arguments, str) else ""
    if not text.strip():
        return {}
    try:
        parsed = loads(text.encode("utf-8", "replace"))
    except MalformedJson:
        parsed = None
    if isinstance(parsed, dict):
        return parsed
    return {} if truncated else {"INVALID_JSON": text}
