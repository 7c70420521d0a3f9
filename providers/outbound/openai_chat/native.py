"""The native path of Chat: a client that speaks Chat at an upstream that speaks it too.

The client's bytes go out and the upstream's come back, untouched but for the model name. The
translation runs beside them for the log and the commit point; its events carry the
upstream's frames.
"""

from __future__ import annotations

from providers.outbound.base import Translator
from providers.outbound.native import NativeTranslator, frame_with, with_member
from providers.presets import Quirks
from providers.targets import Target
from providers.wire.messages import Source
from providers.wire.rewrite import change_items
from providers.wire.signatures import DETAILS_FORMAT
from providers.wire.spans import MalformedJson, dumps, join_object, loads, member_spans, replace_member, scan_object
from providers.wire.sse import ServerSentEvent

_DONE = b"data: [DONE]\n\n"
_MARK = DETAILS_FORMAT.encode()


def native_body(source: Source, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """The client's body for another model, with usage asked for where the stream can tell it; and what was left out.

    Reasoning that we put into earlier answers belongs to another upstream and is taken out. Raises MalformedJson.
    """
    repaired: tuple[str, ...] = ()
    quirks = target.preset.quirks
    body = replace_member(source.body, "model", dumps(target.actual_model))
    if _MARK in body and "messages" in source.members:
        cleaned = change_items(source.members["messages"], lambda message: _without_our_reasoning(message, quirks))
        if cleaned != source.members["messages"]:
            body, repaired = replace_member(body, "messages", cleaned), ("foreign thinking dropped",)
    if source.members.get("stream") == b"true" and quirks.stream_usage and not asks_for_usage(source):
        options = _options(source)
        body = with_member(body, "stream_options", dumps({**options, "include_usage": True}))
    return body, repaired


def asks_for_usage(source: Source) -> bool:
    """True when the client itself wants the usage chunk."""
    return _options(source).get("include_usage") is True


def native_reply(body: bytes, model: str) -> bytes:
    """The upstream's answer under the model name the client asked for. Raises MalformedJson."""
    return replace_member(body, "model", dumps(model))


def native_translator(translator: Translator, source: Source, model: str) -> Translator:
    """The translator, with the upstream's frames on its events, under the model name the client asked for."""
    return NativeTranslator(translator, _Frames(source, model).of, end=_DONE)


class _Frames:
    """The frames of one answer as its client gets them."""

    def __init__(self, source: Source, model: str) -> None:
        self._wants_usage = asks_for_usage(source)
        self._model = dumps(model)
        self._head = self._renamed_head = b""

    def of(self, event: ServerSentEvent) -> bytes:
        data = event.data
        if not self._wants_usage and b'"usage"' in data and _is_usage_alone(scan_object(data)):
            return b""
        renamed = self._renamed(data)
        if renamed == data:
            return event.frame
        return frame_with(event, renamed)

    def _renamed(self, data: bytes) -> bytes:
        # Chunks of one answer begin alike, up to the model and beyond: only the first is looked at.
        if self._head and data.startswith(self._head):
            return self._renamed_head + data[len(self._head) :]
        try:
            members = scan_object(data)
        except MalformedJson:
            return data  # the end mark
        span = (member_spans(data, members) or {}).get("model")
        if span is None:
            return replace_member(data, "model", self._model)
        self._head, self._renamed_head = data[: span.end], data[: span.start] + self._model
        return self._renamed_head + data[span.end :]


def _is_usage_alone(members: dict[str, bytes]) -> bool:
    empty = members.get("choices", b"[]").strip(b"[] \t\r\n") == b""
    return empty and members.get("usage", b"null") != b"null"


def _options(source: Source) -> dict[str, object]:
    options = loads(source.members.get("stream_options", b"null"))
    return options if isinstance(options, dict) else {}


def _without_our_reasoning(message: bytes, quirks: Quirks) -> bytes:
    """The message without the `reasoning_details` of our making, and without the text of the same thinking."""
    if _MARK not in message:
        return message
    members = scan_object(message)
    details = loads(members.get("reasoning_details", b"null"))
    if not isinstance(details, list):
        return message
    foreign = [entry for entry in details if not (isinstance(entry, dict) and entry.get("format") == DETAILS_FORMAT)]
    if len(foreign) == len(details):
        return message
    if foreign:
        members["reasoning_details"] = dumps(foreign)
    else:
        del members["reasoning_details"]
    if not quirks.reasoning_replay:
        members.pop("reasoning_content", None)
    return join_object(members)
