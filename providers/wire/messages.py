"""Anthropic Messages, the hub every wire format is translated to and from.

A request keeps the client's bytes beside the few fields routing reads; an event keeps
its JSON text. Nothing is parsed twice and nothing is parsed that nobody looks at.
Source: the Messages API reference of Anthropic, versions 2023-06-01 and 2026-10-21.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from providers.wire.rewrite import change_items
from providers.wire.spans import (
    MalformedJson,
    Span,
    decode_string,
    dumps,
    item_spans,
    join_object,
    loads,
    loads_told,
    member_spans,
    replace_member,
    scan_object,
    splice,
    with_member,
)

Operation = Literal["messages", "count_tokens"]

# A client may write `<`, `>` and `/` escaped; a name with quotes or escapes in it is not a tag of ours.
_TAG = re.compile(
    rb"(?:<|\\u003[cC])CCM-SUBAGENT-MODEL(?:>|\\u003[eE])"
    rb"([^\"<\\]*?)"
    rb"(?:<|\\u003[cC])\\?/CCM-SUBAGENT-MODEL(?:>|\\u003[eE])"
)


_IMAGE = re.compile(rb'"type"\s*:\s*"image"')


@dataclass(frozen=True, slots=True)
class Source:
    """What a client sent that does not speak Messages: a target of the same format gets these bytes."""

    wire_format: str
    body: bytes
    members: Mapping[str, bytes]
    """The body's top-level members, each still JSON text."""


@dataclass(frozen=True)
class MessagesRequest:
    """A Messages request: the body as received and its top-level members, each still JSON text."""

    body: bytes
    members: Mapping[str, bytes]
    model: str
    stream: bool
    operation: Operation = "messages"
    headers: Mapping[str, str] = field(default_factory=dict)
    """The client's headers that an upstream of the same format should see, lower-case names."""
    beta: bool = False
    """The client called with `?beta=true`."""
    source: Source | None = None
    """The client's own words, when they were no Messages request."""
    left_out: tuple[str, ...] = ()
    """What of those words has no place in Messages, in a few words each."""

    def value(self, key: str) -> Any:
        """A top-level member, parsed; None when absent. Raises MalformedJson."""
        raw = self.members.get(key)
        return None if raw is None else loads(raw)

    @cached_property
    def parsed(self) -> dict[str, Any]:
        """The whole body as Python values: for translation, never for the native path."""
        whole = loads(self.body)
        return dict(whole)

    @cached_property
    def has_image(self) -> bool:
        """True when some content block is an image; one scan, no parse."""
        return _IMAGE.search(self.members.get("messages", b"")) is not None

    @cached_property
    def subagent_model(self) -> str | None:
        """What the first `<CCM-SUBAGENT-MODEL>` tag in the system texts names, or None."""
        for raw in self._system_texts():
            if found := _TAG.search(raw):
                return found[1].decode("utf-8", "replace").strip() or None
        return None

    def without_subagent_tag(self) -> MessagesRequest:
        """The same request with every subagent tag removed from its system texts, all other bytes kept."""
        if b"CCM-SUBAGENT-MODEL" not in self.body:
            return self
        spans = member_spans(self.body, self.members)
        if spans is None:
            rebuilt = join_object(self.members)
            return replace(self, body=rebuilt).without_subagent_tag() if rebuilt != self.body else self
        edits = [(span, _untagged(span.of(self.body))) for span in self._system_spans(spans)]
        body = splice(self.body, edits)
        return replace(self, body=body, members=scan_object(body))

    def with_model(self, model: str) -> MessagesRequest:
        """The same request asking for another model, all other bytes kept."""
        if model == self.model:
            return self
        named = dumps(model)
        body = with_member(self.body, self.members, "model", named)
        return replace(self, body=body, members={**self.members, "model": named}, model=model)

    def _system_texts(self) -> Iterator[bytes]:
        if b"CCM-SUBAGENT-MODEL" not in self.body:
            return
        yield self.members.get("system", b"")
        messages = self.members.get("messages", b"[]")
        for span in _system_messages(messages, Span(0, len(messages))):
            yield span.of(messages)

    def _system_spans(self, spans: Mapping[str, Span]) -> Iterator[Span]:
        if "system" in spans:
            yield spans["system"]
        if "messages" in spans:
            yield from _system_messages(self.body, spans["messages"])


def _untagged(system: bytes) -> bytes:
    """A system prompt or a system message without the tag; a text block that held nothing else goes with it."""
    if system.lstrip()[:1] == b"{":
        content = scan_object(system).get("content", b"")
        system = replace_member(system, "content", _untagged(content)) if content else system
    elif system.lstrip()[:1] == b"[":
        system = change_items(system, _untagged_block)
    return _TAG.sub(b"", system)


def _untagged_block(block: bytes) -> bytes | None:
    clean = _TAG.sub(b"", block)
    if clean == block:
        return block
    try:
        text = decode_string(scan_object(clean).get("text", b""))
    except MalformedJson:
        return clean
    # Anthropic refuses a text block without text.
    return None if text is not None and not text.strip() else clean


def _system_messages(text: bytes, within: Span) -> Iterator[Span]:
    for span in item_spans(text, within) or ():
        try:
            members = scan_object(span.of(text))
        except MalformedJson:
            continue
        if members.get("role") == b'"system"':
            yield span


@dataclass(frozen=True, slots=True)
class MessagesEvent:
    """One event of a Messages stream: its type, its JSON text, and its SSE frame.

    `frame` is what an Anthropic client receives; on the native path it is the
    upstream's own bytes. `native` is what a client of the upstream's own other format
    receives instead of a rendering; empty for the second and later events that one
    upstream event made.
    """

    type: str
    json: bytes
    frame: bytes
    native: bytes | None = None

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> MessagesEvent:
        """An event of our own making. `payload["type"]` names it."""
        return cls.from_json(str(payload["type"]), dumps(payload))

    @classmethod
    def from_json(cls, type_: str, text: bytes) -> MessagesEvent:
        """An event from its JSON text, framed for SSE."""
        return cls(type_, text, b"event: %s\ndata: %s\n\n" % (type_.encode(), text))

    def payload(self) -> dict[str, Any]:
        """The parsed JSON. Raises MalformedJson."""
        parsed = loads_told(self.json)
        if not isinstance(parsed, dict):
            raise MalformedJson("an event's data must be a JSON object")
        return parsed


PING = MessagesEvent.of({"type": "ping"})


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer. `input` excludes what the cache read or wrote, as Anthropic counts.

    `output` includes `thinking`, `cache_write` includes `cache_write_1h`, what is kept for an hour. `searches` counts
    web searches, not tokens.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    thinking: int = 0
    searches: int = 0
    cache_write_1h: int = 0

    @classmethod
    def from_payload(cls, usage: Any, base: Usage | None = None) -> Usage:
        """Read a `usage` object; a field that is absent or null keeps the value of `base`."""
        base = base or cls()
        if not isinstance(usage, dict):
            return base

        def tokens(key: str, fallback: int, inside: str = "") -> int:
            holder = usage.get(inside) if inside else usage
            value = holder.get(key) if isinstance(holder, dict) else None
            return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else fallback

        return cls(
            tokens("input_tokens", base.input),
            tokens("output_tokens", base.output),
            tokens("cache_read_input_tokens", base.cache_read),
            tokens("cache_creation_input_tokens", base.cache_write),
            tokens("thinking_tokens", base.thinking, "output_tokens_details"),
            tokens("web_search_requests", base.searches, "server_tool_use"),
            tokens("ephemeral_1h_input_tokens", base.cache_write_1h, "cache_creation"),
        )

    def as_payload(self) -> dict[str, Any]:
        """The `usage` object of a Messages answer."""
        payload: dict[str, Any] = {
            "input_tokens": self.input,
            "cache_creation_input_tokens": self.cache_write,
            "cache_read_input_tokens": self.cache_read,
            "output_tokens": self.output,
        }
        if self.thinking:
            payload["output_tokens_details"] = {"thinking_tokens": self.thinking}
        if self.cache_write_1h:
            payload["cache_creation"] = {
                "ephemeral_5m_input_tokens": max(self.cache_write - self.cache_write_1h, 0),
                "ephemeral_1h_input_tokens": self.cache_write_1h,
            }
        if self.searches:
            payload["server_tool_use"] = {"web_search_requests": self.searches, "web_fetch_requests": 0}
        return payload


@dataclass(frozen=True, slots=True)
class MessagesReply:
    """A whole (not streamed) answer: the Messages JSON text and what the log wants to know of it."""

    body: bytes
    usage: Usage
    stop_reason: str | None
    has_content: bool
    native: bytes | None = None
    """The upstream's own answer, for a client of the upstream's own other format."""
