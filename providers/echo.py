"""The echo provider: answers locally in Anthropic's dialect, so the whole pipeline can be tried without an account.

It streams, counts tokens, lists its one model, calls a tool when asked to ("call NAME") and fails on purpose
when its mapping carries a drill: `status:529`, `hang`, `cut:40`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.faults import LocalResponse, broken_off, refusal
from providers.targets import UpstreamRequest
from providers.wire.messages import MessagesEvent
from providers.wire.spans import MalformedJson, dumps, loads

DRILL_HEADER = "x-ccm-drill"
ECHOED = "echo"
"""The request id of its answers."""
_PIECE = 24


def _body(request: UpstreamRequest) -> dict[str, Any]:
    try:
        body = loads(request.body)
    except MalformedJson as error:
        raise UpstreamFailure(Failure(FailureKind.REJECTED, str(error), 400, None, "invalid_request_error")) from error
    return body if isinstance(body, dict) else {}


async def answer(request: UpstreamRequest) -> LocalResponse:
    """Answer one request, or fail as its drill says; a GET asks for the list of models."""
    if request.method == "GET":
        return _response(200, iter([dumps({"data": [{"type": "model", "id": "echo"}]})]), "application/json")
    body = _body(request)
    kind, _, amount = request.headers.get(DRILL_HEADER, "").partition(":")
    if kind == "status":
        return refusal(int(amount), ECHOED)
    cut = int(amount) if kind == "cut" else None
    if "/count_tokens" in request.url:
        return _response(200, iter([dumps({"input_tokens": len(request.body) // 4})]), "application/json")
    content, stop = _content(body)
    usage = {"input_tokens": len(request.body) // 4, "output_tokens": sum(len(str(b)) for b in content) // 4}
    if body.get("stream") is True:
        pieces = _stream(str(body.get("model")), content, stop, usage, cut)
        return _response(200, pieces, "text/event-stream", hang=kind == "hang")
    message = {**_message(str(body.get("model")), usage), "content": content, "stop_reason": stop}
    whole = dumps(message)
    return _response(200, iter([whole if cut is None else whole[:cut]]), "application/json", hang=kind == "hang")


def _response(status: int, pieces: Iterator[bytes], content_type: str, hang: bool = False) -> LocalResponse:
    return LocalResponse(status, pieces, content_type, hang, ECHOED)


def _message(model: str, usage: Mapping[str, int]) -> dict[str, Any]:
    full = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, **usage}
    return {
        "id": f"msg_{secrets.token_hex(12)}", "type": "message", "role": "assistant", "model": model,
        "content": [], "stop_reason": None, "stop_sequence": None, "usage": full,
    }  # fmt: skip


def _content(body: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
    text = _last_text(body)
    for tool in _objects(body.get("tools")):
        if isinstance(tool.get("name"), str) and f"call {tool['name']}" in text:
            call = {"type": "tool_use", "id": f"toolu_{secrets.token_hex(12)}", "name": tool["name"], "input": {}}
            return [call], "tool_use"
    return [{"type": "text", "text": f"echo: {text or 'hello'}"}], "end_turn"


def _last_text(body: Mapping[str, Any]) -> str:
    for message in reversed(_objects(body.get("messages"))):
        if message.get("role") != "user":
            continue
        content = message.get("content")
        if isinstance(content, str):
            return content
        texts = [block.get("text", "") for block in _objects(content) if block.get("type") == "text"]
        if texts:
            return str(texts[-1])
    return ""


def _objects(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _stream(
    model: str, content: list[dict[str, Any]], stop: str, usage: Mapping[str, int], cut: int | None
) -> Iterator[bytes]:
    def frame(**payload: Any) -> bytes:
        return MessagesEvent.of(payload).frame

    yield frame(type="message_start", message=_message(model, {**usage, "output_tokens": 0}))
    block = content[0]
    if block["type"] == "tool_use":
        yield frame(type="content_block_start", index=0, content_block=block)
    else:
        yield frame(type="content_block_start", index=0, content_block={"type": "text", "text": ""})
        for at, piece in _pieces(block["text"]):
            if cut is not None and at + len(piece) > cut:
                delta = {"type": "text_delta", "text": piece[: cut - at]}
                yield frame(type="content_block_delta", index=0, delta=delta) if cut > at else b""
                raise broken_off(cut)
            yield frame(type="content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield frame(type="content_block_stop", index=0)
    yield frame(type="message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage=usage)
    yield frame(type="message_stop")


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    for at in range(0, len(text), _PIECE):
        yield at, text[at : at + _PIECE]
