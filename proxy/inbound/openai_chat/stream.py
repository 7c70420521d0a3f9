"""A Messages stream as chat completion chunks."""

from __future__ import annotations

from typing import Any

from providers.wire.messages import MessagesEvent, MessagesRequest, Usage
from providers.wire.spans import dumps
from proxy.errors import ApiError
from proxy.inbound.openai_chat.reasoning import detail
from proxy.inbound.openai_chat.reply import completion_id
from proxy.inbound.openai_chat.usage import finish_reason, usage_payload
from proxy.inbound.openai_errors import error_body

PING = b": ping\n\n"
DONE = b"data: [DONE]\n\n"


class ChatRenderer:
    """One streamed answer. Events must come in the order of the grammar. `created`: seconds since 1970."""

    def __init__(self, request: MessagesRequest, created: int, legacy: bool, wants_usage: bool) -> None:
        self._model = request.model
        self._created = created
        self._legacy = legacy
        self._wants_usage = wants_usage
        self._head = b""
        self._block: dict[str, Any] = {}
        """The open block as far as it has come; a call's arguments are not kept."""
        self._has_arguments = False
        self._calls = 0
        self._details = 0
        self._usage = Usage()
        self._stop_reason: str | None = None

    def render(self, event: MessagesEvent) -> bytes:
        """The chunks that one event makes; where an upstream spoke Chat itself, its own bytes."""
        if event.type == "ping":
            return PING if event.native is None else event.native
        step = _STEPS.get(event.type)
        # Rendered in any case: if the upstream breaks, whoever goes on needs to know how far it came.
        told = b"" if step is None else step(self, event.payload())
        return told if event.native is None else event.native

    def render_error(self, error: ApiError, request_id: str) -> bytes:
        """An error as the last thing of the stream: without `[DONE]`, which would say that all went well."""
        return b"data: %s\n\n" % error_body(error)

    def _message_start(self, payload: dict[str, Any]) -> bytes:
        message = payload.get("message")
        message = message if isinstance(message, dict) else {}
        self._usage = Usage.from_payload(message.get("usage"))
        told = dumps({
            "id": completion_id(message.get("id")), "object": "chat.completion.chunk",
            "created": self._created, "model": self._model,
        })  # fmt: skip
        self._head = told[:-1] + b',"choices":['
        return self._delta({"role": "assistant", "content": ""})

    def _block_start(self, payload: dict[str, Any]) -> bytes:
        block = payload.get("content_block")
        self._block = dict(block) if isinstance(block, dict) else {}
        kind = self._block.get("type")
        if kind == "text":
            return self._text("content", self._block.get("text"))
        if kind == "thinking":
            return self._text("reasoning_content", self._block.get("thinking"))
        if kind == "tool_use":
            return self._call_start()
        return b""

    def _call_start(self) -> bytes:
        self._calls += 1
        self._has_arguments = False
        function = {"name": str(self._block.get("name") or ""), "arguments": ""}
        if self._legacy:
            return self._delta({"function_call": function}) if self._calls == 1 else b""
        call = {"index": self._calls - 1, "id": self._block.get("id"), "type": "function", "function": function}
        return self._delta({"tool_calls": [call]})

    def _block_delta(self, payload: dict[str, Any]) -> bytes:
        delta = payload.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        kind = delta.get("type")
        if kind == "text_delta":
            return self._text("content", delta.get("text"))
        if kind == "thinking_delta":
            text = delta.get("thinking")
            if isinstance(text, str):
                self._block["thinking"] = str(self._block.get("thinking") or "") + text
            return self._text("reasoning_content", text)
        if kind == "signature_delta":
            self._block["signature"] = str(self._block.get("signature") or "") + str(delta.get("signature") or "")
        elif kind == "input_json_delta" and self._block.get("type") == "tool_use":
            return self._arguments(delta.get("partial_json"))
        return b""

    def _arguments(self, text: Any) -> bytes:
        if not isinstance(text, str) or not text:
            return b""
        self._has_arguments = True
        if self._legacy:
            return self._delta({"function_call": {"arguments": text}}) if self._calls == 1 else b""
        return self._delta({"tool_calls": [{"index": self._calls - 1, "function": {"arguments": text}}]})

    def _block_stop(self, _payload: dict[str, Any]) -> bytes:
        block, self._block = self._block, {}
        if block.get("type") == "tool_use" and not self._has_arguments:
            # Messages says nothing for an empty input, Chat's clients parse the arguments as JSON.
            given = block.get("input")
            return self._arguments(dumps(given if isinstance(given, dict) else {}).decode())
        if block.get("type") not in ("thinking", "redacted_thinking"):
            return b""
        entry = detail(self._details, block)
        if entry is None:
            return b""
        self._details += 1
        return self._delta({"reasoning_details": [entry]})

    def _message_delta(self, payload: dict[str, Any]) -> bytes:
        self._usage = Usage.from_payload(payload.get("usage"), self._usage)
        delta = payload.get("delta")
        reason = delta.get("stop_reason") if isinstance(delta, dict) else None
        self._stop_reason = reason if isinstance(reason, str) else self._stop_reason
        return b""

    def _message_stop(self, _payload: dict[str, Any]) -> bytes:
        frames = [self._choice({}, finish_reason(self._stop_reason, self._legacy))]
        if self._wants_usage:
            frames.append(b'data: %s],"usage":%s}\n\n' % (self._head, dumps(usage_payload(self._usage))))
        return b"".join([*frames, DONE])

    def _error(self, payload: dict[str, Any]) -> bytes:
        error = payload.get("error")
        error = error if isinstance(error, dict) else {}
        return self.render_error(ApiError(502, str(error.get("type") or ""), str(error.get("message") or "")), "")

    def _text(self, key: str, text: Any) -> bytes:
        return self._delta({key: text}) if isinstance(text, str) and text else b""

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return self._choice(delta, None)

    def _choice(self, delta: dict[str, Any], finish: str | None) -> bytes:
        choice = dumps({"index": 0, "delta": delta, "finish_reason": finish})
        return b"data: %s%s]}\n\n" % (self._head, choice)


_STEPS = {
    "message_start": ChatRenderer._message_start,
    "content_block_start": ChatRenderer._block_start,
    "content_block_delta": ChatRenderer._block_delta,
    "content_block_stop": ChatRenderer._block_stop,
    "message_delta": ChatRenderer._message_delta,
    "message_stop": ChatRenderer._message_stop,
    "error": ChatRenderer._error,
}
