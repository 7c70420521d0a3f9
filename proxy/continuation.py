"""A broken stream goes on at another target: what was sent, how to ask for the rest, and where the seam runs.

Only visible text can be gone on with, after thinking that is finished. The next target is
shown the text so far and asked for the rest; its own beginning, its thinking and whatever it
repeats are left out, its blocks are numbered on, and the tokens of both are added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from providers.targets import Target
from providers.wire.messages import MessagesEvent, MessagesRequest, Usage
from providers.wire.rewrite import change_items
from providers.wire.spans import MalformedJson, Span, dumps, item_spans, join_object
from providers.wire.tokens import estimate_text

MAX_CONTINUATIONS = 2
MAX_OVERLAP = 400
"""Characters of repeated text that are recognised, beside a whole answer that begins anew."""
MIN_OVERLAP = 8
"""A shorter match is more likely chance: two words may well end and begin alike."""

GO_ON = (
    "The connection broke while you were answering. Your answer up to that point is your last turn above, and it has "
    "been delivered. Write only what comes after it: begin with the very next character, repeat nothing, and say "
    "nothing about the interruption."
)


class Transcript:
    """What a client has been sent of one answer. Feed it every event that goes out."""

    def __init__(self) -> None:
        self._text = bytearray()  # a list of the pieces would take ten times their size
        self._open = ""
        self._signed = False
        self._usage = Usage()
        self._tools = False
        self._over = False
        self.blocks = 0
        """How many content blocks were begun."""

    def note(self, event: MessagesEvent) -> None:
        """One event."""
        if event.type == "content_block_delta":
            self._delta(event.payload().get("delta"))
        elif event.type == "content_block_start":
            block = event.payload().get("content_block")
            self._open = str(block.get("type")) if isinstance(block, dict) else "?"
            self._tools = self._tools or self._open not in ("text", "thinking", "redacted_thinking")
            self._signed = False
            self.blocks += 1
            if self._open == "text" and isinstance(block, dict) and isinstance(block.get("text"), str):
                self._add(block["text"])
        elif event.type == "content_block_stop":
            self._open = ""
        elif event.type == "message_start":
            message = event.payload().get("message")
            self._usage = Usage.from_payload(message.get("usage") if isinstance(message, dict) else None)
        elif event.type == "message_delta":
            self._over = True

    @property
    def text(self) -> str:
        """The visible text so far."""
        return self._text.decode("utf-8", "surrogatepass")

    @property
    def text_is_open(self) -> bool:
        """True while the last block is a text that may go on."""
        return self._open == "text"

    @property
    def may_go_on(self) -> bool:
        """True when another target can take over.

        There is text, no call was begun, no thinking is unfinished, and the end was not told yet.
        """
        return bool(self.text.strip()) and not self._tools and not self._over and self._open in ("", "text")

    @property
    def usage(self) -> Usage:
        """The tokens of this part: the prompt's as told at the start, the output's counted here."""
        return replace(self._usage, output=max(self._usage.output, estimate_text(self.text)))

    def _delta(self, delta: Any) -> None:
        if isinstance(delta, dict) and delta.get("type") == "text_delta" and isinstance(delta.get("text"), str):
            self._add(delta["text"])

    def _add(self, text: str) -> None:
        self._text += text.encode("utf-8", "surrogatepass")


def continued(request: MessagesRequest, sent: str, target: Target) -> MessagesRequest:
    """The request for the rest of an answer of which `sent` has been delivered.

    A target that goes on from an unfinished turn gets just that; any other is told to.
    """
    turns: list[dict[str, Any]] = [{"role": "assistant", "content": sent.rstrip()}]
    thinks = request.members.get("thinking", b"null") not in (b"null", b'{"type":"disabled"}')
    if not target.preset.quirks.prefill or thinks:
        turns.append({"role": "user", "content": GO_ON})
    messages = _appended(request.members.get("messages", b"[]"), turns)
    members = {**request.members, "messages": messages}
    return replace(request, body=join_object(members), members=members, source=None)


def _appended(array: bytes, turns: Sequence[dict[str, Any]]) -> bytes:
    plain = change_items(array, lambda item: item)
    items = item_spans(plain, Span(0, len(plain))) or []
    added = b",".join(map(dumps, turns))
    end = plain.rindex(b"]")
    return plain[:end] + (b"," if items else b"") + added + plain[end:]


class Seam:
    """The events of the rest, on their way to a client that has seen the beginning."""

    def __init__(self, sent: Transcript) -> None:
        self._sent = sent.text
        self._before = sent.usage
        self.usage = Usage()
        """The tokens of the rest alone, as far as they were told."""
        self._index = sent.blocks - 1
        self._open = "text" if sent.text_is_open else ""
        self._dropping = False
        self._held: str | None = ""
        """Text that may still turn out to be repeated; None once it is known where the rest begins."""

    def feed(self, event: MessagesEvent) -> list[MessagesEvent]:
        """What the client gets for one event of the rest, which has to come in the legal order."""
        if event.type in ("ping", "message_stop"):
            return [replace(event, native=None)]
        payload = event.payload()
        if event.type == "message_start":
            self.usage = Usage.from_payload(_member(payload, "message").get("usage"))
            return []
        if event.type == "content_block_start":
            return self._start(payload)
        if event.type == "content_block_delta":
            return self._delta(payload)
        if event.type == "content_block_stop":
            return self._stop()
        return [*self._stop(), self._end(payload)]

    def _start(self, payload: dict[str, Any]) -> list[MessagesEvent]:
        block = _member(payload, "content_block")
        self._dropping = block.get("type") in ("thinking", "redacted_thinking")
        if self._dropping:
            return []
        if block.get("type") == "text":
            return self._text(str(block.get("text") or ""))  # begun when there is something in it
        closed = self._stop()
        self._held = None
        return [*closed, self._begin(block)]

    def _delta(self, payload: dict[str, Any]) -> list[MessagesEvent]:
        if self._dropping:
            return []
        delta = _member(payload, "delta")
        if delta.get("type") == "text_delta":
            return self._text(str(delta.get("text", "")))
        return [MessagesEvent.of({**payload, "index": self._index})]

    def _stop(self) -> list[MessagesEvent]:
        if self._dropping:
            self._dropping = False
            return []
        events: list[MessagesEvent] = []
        if self._held:
            rest, self._held = self._held[_repeated(self._sent, self._held) :], None
            events = self._say(rest)
        if not self._open:
            return events
        self._open = ""
        return [*events, MessagesEvent.of({"type": "content_block_stop", "index": self._index})]

    def _text(self, text: str) -> list[MessagesEvent]:
        if self._held is None:
            return self._say(text)
        self._held += text
        if not self._held or _may_be_repeating(self._sent, self._held):
            return []
        rest, self._held = self._held[_repeated(self._sent, self._held) :], None
        return self._say(rest)

    def _say(self, text: str) -> list[MessagesEvent]:
        if not text:
            return []
        begun = [] if self._open == "text" else [self._begin({"type": "text", "text": ""})]
        delta = {"type": "text_delta", "text": text}
        return [*begun, MessagesEvent.of({"type": "content_block_delta", "index": self._index, "delta": delta})]

    def _begin(self, block: dict[str, Any]) -> MessagesEvent:
        self._index += 1
        self._open = str(block.get("type"))
        return MessagesEvent.of({"type": "content_block_start", "index": self._index, "content_block": block})

    def _end(self, payload: dict[str, Any]) -> MessagesEvent:
        self.usage = Usage.from_payload(payload.get("usage"), self.usage)
        return MessagesEvent.of({**payload, "usage": _sum(self._before, self.usage).as_payload()})


def _member(payload: dict[str, Any], key: str) -> dict[str, Any]:
    value = payload.get(key)
    if not isinstance(value, dict):
        raise MalformedJson(f"an event has no {key}")
    return value


def _sum(first: Usage, second: Usage) -> Usage:
    return Usage(
        first.input + second.input, first.output + second.output, first.cache_read + second.cache_read,
        first.cache_write + second.cache_write, first.thinking + second.thinking, first.searches + second.searches,
        first.cache_write_1h + second.cache_write_1h,
    )  # fmt: skip


def _repeated(sent: str, rest: str) -> int:
    """How many characters at the beginning of `rest` have been sent already."""
    if rest.startswith(sent):
        return len(sent)  # it began anew
    longest = min(len(sent), len(rest), MAX_OVERLAP)
    blanks = sent[len(sent.rstrip()) :]  # which the next target was not shown
    trailing = len(blanks) if rest.startswith(blanks) else 0
    return next((n for n in range(longest, MIN_OVERLAP - 1, -1) if sent.endswith(rest[:n])), trailing)


def _may_be_repeating(sent: str, rest: str) -> bool:
    """True while more of `rest` could show that it repeats more than it seems to."""
    if sent.startswith(rest):
        return len(rest) < len(sent)
    tail = sent[-MAX_OVERLAP:]
    at = tail.find(rest)
    while at >= 0:
        if at + len(rest) < len(tail):
            return True
        at = tail.find(rest, at + 1)
    return False
