"""The legal order of a Messages stream, as a small machine: every illegal event is one clear error.

The oracle of the tests: every stream we produce must pass it. Source: the streaming
reference of the Messages API and what the official SDKs' accumulators rely on.
"""

from __future__ import annotations

from typing import Any

from providers.wire.messages import MessagesEvent
from providers.wire.spans import MalformedJson, loads


class GrammarError(ValueError):
    """An event that may not stand where it stands."""


_DELTAS = {
    "text_delta": ("text",),
    "citations_delta": ("text",),
    "input_json_delta": ("tool_use", "server_tool_use", "mcp_tool_use"),
    "thinking_delta": ("thinking",),
    "signature_delta": ("thinking",),
    "compaction_delta": ("compaction",),
}
_PIECES = {
    "text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking",
    "signature_delta": "signature",
}  # fmt: skip
"""What a delta holds that accumulators append without looking."""
_OPENINGS: dict[str, tuple[str, type]] = {
    "text": ("text", str), "thinking": ("thinking", str), "tool_use": ("input", dict),
    "redacted_thinking": ("data", str),
}  # fmt: skip
"""What a block starts with that its deltas are appended to."""
_COUNTED = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
"""Claude Code has given up on a message_start that lacked one of these."""


_CUT_OFF = ("max_tokens", "model_context_window_exceeded")
"""Where the answer reached a limit a call may be half written."""

_STEPS = (
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
)
KNOWN = (*_STEPS, "ping", "error")
"""Every kind of event that there is today; the reference asks readers to pass over others."""


def _member(payload: dict[str, Any], key: str) -> dict[str, Any]:
    value = payload.get(key)
    if not isinstance(value, dict):
        raise GrammarError(f"{payload.get('type')} needs an object {key}")
    return value


class Grammar:
    """Feed it every event in order, then `finish`. Raises GrammarError."""

    def __init__(self) -> None:
        self._state = "before"
        self._next_index = 0
        self._open: dict[str, Any] | None = None
        self._signed = False
        self._inputs: list[str] = []
        self._stop_reason: str | None = None
        self._unfinished_input = False
        self._tools = 0

    def feed(self, event: MessagesEvent) -> None:
        """One event."""
        if self._state in ("stopped", "failed"):
            raise GrammarError(f"{event.type} after the end of the stream")
        if event.type == "ping":
            return
        if event.type == "error":
            self._state = "failed"
            return
        try:
            payload = event.payload()
        except MalformedJson as error:
            raise GrammarError(f"{event.type} holds no JSON object") from error
        if payload.get("type") != event.type:
            raise GrammarError(f"the event is called {event.type} but its data says {payload.get('type')}")
        if event.type not in _STEPS:
            raise GrammarError(f"unknown event {event.type}")
        getattr(self, f"_{event.type}")(payload)

    def finish(self) -> None:
        """The stream has ended: legally, by message_stop or an error event."""
        if self._state not in ("stopped", "failed"):
            raise GrammarError("the stream ended without message_stop or an error event")

    def _message_start(self, payload: dict[str, Any]) -> None:
        if self._state != "before":
            raise GrammarError("a second message_start")
        message = _member(payload, "message")
        usage = _member(message, "usage")
        counted = all(isinstance(usage.get(key), int) for key in _COUNTED)
        if not message.get("id") or message.get("content") != [] or not counted:
            raise GrammarError("message_start needs an id, an empty content and a usage with integers")
        self._state = "open"

    def _content_block_start(self, payload: dict[str, Any]) -> None:
        if self._state != "open" or self._open is not None:
            raise GrammarError("a block starts outside a message, after message_delta or inside another block")
        if payload.get("index") != self._next_index:
            raise GrammarError(f"block {payload.get('index')} starts where {self._next_index} is due")
        self._open = _member(payload, "content_block")
        self._signed, self._inputs = False, []
        kind = str(self._open.get("type"))
        tool = kind == "tool_use"
        key, type_ = _OPENINGS.get(kind, ("type", str))
        if not isinstance(self._open.get(key), type_):
            raise GrammarError(f"a {kind} block starts without its {key}")
        self._tools += tool
        if tool and not (self._open.get("id") and self._open.get("name")):
            raise GrammarError("a tool_use block needs an id and a name")

    def _content_block_delta(self, payload: dict[str, Any]) -> None:
        if self._open is None or payload.get("index") != self._next_index:
            raise GrammarError("a delta for a block that is not open")
        delta, block = _member(payload, "delta"), self._open.get("type")
        kind = str(delta.get("type"))
        if block not in _DELTAS.get(kind, ()):
            raise GrammarError(f"a {kind} inside a {block} block")
        if kind in _PIECES and not isinstance(delta.get(_PIECES[kind]), str):
            raise GrammarError(f"a {kind} needs its {_PIECES[kind]}")
        if self._signed:
            raise GrammarError("a delta after the signature")
        self._signed = kind == "signature_delta"
        if kind == "input_json_delta":
            self._inputs.append(delta["partial_json"])

    def _content_block_stop(self, payload: dict[str, Any]) -> None:
        if self._open is None or payload.get("index") != self._next_index:
            raise GrammarError("a stop for a block that is not open")
        text = "".join(self._inputs)
        if text:
            self._unfinished_input = self._unfinished_input or not _is_object(text)
        self._open = None
        self._next_index += 1

    def _message_delta(self, payload: dict[str, Any]) -> None:
        if self._state not in ("open", "ending") or self._open is not None:
            raise GrammarError("message_delta outside a message or inside a block")
        if not isinstance(_member(payload, "usage").get("output_tokens"), int):
            raise GrammarError("message_delta needs usage.output_tokens")
        self._stop_reason = _member(payload, "delta").get("stop_reason") or self._stop_reason
        self._state = "ending"

    def _message_stop(self, _payload: dict[str, Any]) -> None:
        if self._state != "ending" or self._stop_reason is None:
            raise GrammarError("message_stop without a message_delta that gives the stop reason")
        if self._unfinished_input and self._stop_reason not in _CUT_OFF:
            raise GrammarError("a tool's input is no JSON object")
        if self._stop_reason == "tool_use" and not self._tools:
            raise GrammarError("stop_reason tool_use without a tool_use block")
        if self._stop_reason == "end_turn" and self._tools:
            raise GrammarError("stop_reason end_turn although a tool_use block was written")
        self._state = "stopped"


def _is_object(text: str) -> bool:
    try:
        return isinstance(loads(text.encode("utf-8", "surrogatepass")), dict)
    except (MalformedJson, UnicodeError):
        return False
