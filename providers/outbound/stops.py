"""Stop sequences for upstreams that have none: applied to the events on their way to the client."""

from __future__ import annotations

from collections.abc import Sequence

from providers.outbound.base import Translator
from providers.wire.messages import MessagesEvent, MessagesReply, MessagesRequest, Usage
from providers.wire.spans import dumps, loads
from providers.wire.sse import ServerSentEvent
from providers.wire.tokens import estimate_text


def stop_sequences(messages: MessagesRequest) -> list[str]:
    """The stop sequences of a request that can stop anything: strings that are not blank."""
    wanted = messages.value("stop_sequences")
    return [s for s in wanted if isinstance(s, str) and s.strip()] if isinstance(wanted, list) else []


class StopAt:
    """A translator around another: visible text ends where the first stop sequence begins.

    As much text is held back as may still become a stop sequence. After a stop nothing
    of the upstream is passed on; the output tokens told are then an estimate.
    """

    def __init__(self, inner: Translator, stops: Sequence[str]) -> None:
        self._inner = inner
        self._stops = stops
        self._held = ""
        self._index = 0
        self._written: list[str] = []
        self._usage = Usage()
        self._stopped = False

    @property
    def ended(self) -> bool:
        """True once message_stop has been produced."""
        return self._stopped or self._inner.ended

    def feed(self, event: ServerSentEvent) -> Sequence[MessagesEvent]:
        """The events that one upstream event makes, up to the stop. Raises UpstreamFailure."""
        return () if self._stopped else self._cut(self._inner.feed(event))

    def finish(self) -> Sequence[MessagesEvent]:
        """What is still owed. Raises UpstreamFailure."""
        return () if self._stopped else self._cut(self._inner.finish())

    def _cut(self, events: Sequence[MessagesEvent]) -> list[MessagesEvent]:
        passed: list[MessagesEvent] = []
        for event in events:
            passed += self._take(event)
            if self._stopped:
                break
        return passed

    def _take(self, event: MessagesEvent) -> list[MessagesEvent]:
        if event.type == "message_start":
            self._usage = Usage.from_payload(event.payload()["message"].get("usage"))
        if event.type == "content_block_stop":
            return [*self._release(), event]
        if event.type != "content_block_delta":
            return [event]
        payload = event.payload()
        delta = payload["delta"]
        if delta.get("type") != "text_delta":
            return [event]
        self._index = payload["index"]
        self._held += delta["text"]
        at, stop = first_stop(self._held, self._stops)
        if stop is not None:
            return self._end(at, stop)
        keep = _may_become_a_stop(self._held, self._stops)
        text, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return self._text(text)

    def _end(self, at: int, stop: str) -> list[MessagesEvent]:
        events = self._text(self._held[:at])
        self._stopped = True
        usage = Usage(self._usage.input, estimate_text("".join(self._written)))
        delta = {"stop_reason": "stop_sequence", "stop_sequence": stop}
        return [
            *events,
            MessagesEvent.of({"type": "content_block_stop", "index": self._index}),
            MessagesEvent.of({"type": "message_delta", "delta": delta, "usage": usage.as_payload()}),
            MessagesEvent.of({"type": "message_stop"}),
        ]

    def _release(self) -> list[MessagesEvent]:
        text, self._held = self._held, ""
        return self._text(text)

    def _text(self, text: str) -> list[MessagesEvent]:
        if not text:
            return []
        self._written.append(text)
        delta = {"type": "text_delta", "text": text}
        return [MessagesEvent.of({"type": "content_block_delta", "index": self._index, "delta": delta})]


def first_stop(text: str, stops: Sequence[str]) -> tuple[int, str | None]:
    """Where the stop sequence that is complete first begins in `text`, and which it is; the longer one of two."""
    found = [(at + len(stop), at, stop) for stop in stops if (at := text.find(stop)) >= 0]
    if not found:
        return len(text), None
    _, at, stop = min(found)
    return at, stop


def _may_become_a_stop(text: str, stops: Sequence[str]) -> int:
    """How many characters at the end of `text` may be the beginning of a stop sequence."""
    longest = min(len(text), max(map(len, stops)) - 1)
    return next((n for n in range(longest, 0, -1) if any(stop.startswith(text[-n:]) for stop in stops)), 0)


def cut_reply(reply: MessagesReply, stops: Sequence[str]) -> MessagesReply:
    """A whole reply cut at the first stop sequence in its visible text; unchanged when there is none."""
    body = loads(reply.body)
    for index, block in enumerate(body["content"]):
        if block.get("type") != "text":
            continue
        at, stop = first_stop(block["text"], stops)
        if stop is not None:
            kept = [*body["content"][:index], *([{**block, "text": block["text"][:at]}] if at else [])]
            body |= {"content": kept, "stop_reason": "stop_sequence", "stop_sequence": stop}
            return MessagesReply(dumps(body), reply.usage, "stop_sequence", bool(kept))
    return reply
