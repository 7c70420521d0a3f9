"""What the native paths of both OpenAI formats share: a client's own words go out, an upstream's frames come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from providers.outbound.base import Translator
from providers.presets import WireFormat
from providers.wire.messages import PING, MessagesEvent, MessagesRequest, Source
from providers.wire.spans import dumps, join_object, member_spans, replace_member, scan_object
from providers.wire.sse import ServerSentEvent

_SUBAGENT_TAG = b"CCM-SUBAGENT-MODEL"


def own_words(messages: MessagesRequest, wire_format: WireFormat) -> Source | None:
    """The client's own request, when it may go to an upstream of this format as it is.

    One that names a subagent's model may not: no upstream is to see that tag, and the
    translated request is rid of it.
    """
    source = messages.source
    if source is None or source.wire_format != wire_format or _SUBAGENT_TAG in source.body:
        return None
    return source


class NativeTranslator:
    """A translator whose events carry the upstream's frames.

    `frame` makes of an event what the client gets of it, `known` what the translator is to read, and `end` is the
    end mark of a stream whose upstream leaves it out.
    """

    def __init__(
        self, translator: Translator, frame: Callable[[ServerSentEvent], bytes],
        known: Callable[[ServerSentEvent], ServerSentEvent] = lambda event: event, end: bytes = b"",
    ) -> None:  # fmt: skip
        self._translator = translator
        self._frame = frame
        self._known = known
        self._end = end

    @property
    def ended(self) -> bool:
        """True once message_stop has been produced."""
        return self._translator.ended

    def feed(self, event: ServerSentEvent) -> Sequence[MessagesEvent]:
        """One upstream event; one that means nothing in Messages still reaches the client, on a ping.

        Raises UpstreamFailure as the translator does.
        """
        if event.is_comment or self.ended:
            return ()
        return _carrying(self._translator.feed(self._known(event)), self._frame(event))

    def finish(self) -> Sequence[MessagesEvent]:
        """What is still owed. Raises UpstreamFailure."""
        events = self._translator.finish()
        return _carrying(events, self._end) if events else ()


def _carrying(events: Sequence[MessagesEvent], frame: bytes) -> Sequence[MessagesEvent]:
    """The events with the frame on the first and nothing on the others; a frame without events is on a ping."""
    if not events:
        return (replace(PING, native=frame),) if frame else ()
    return (replace(events[0], native=frame), *(replace(event, native=b"") for event in events[1:]))


def frame_with(event: ServerSentEvent, data: bytes) -> bytes:
    """The event's frame with other data in it, every other byte kept."""
    if data == event.data:
        return event.frame
    if event.data in event.frame:
        return event.frame.replace(event.data, data, 1)
    # Several `data:` lines: outside its strings JSON may have blanks for line ends, inside them it has none.
    name = b"event: %s\n" % event.name.encode() if event.name else b""
    return b"%sdata: %s\n\n" % (name, data.replace(b"\n", b" "))


def with_member(body: bytes, key: str, value: bytes) -> bytes:
    """The object with one member set: where it stands, else at the end. Raises MalformedJson."""
    members = scan_object(body)
    if key in members:
        return replace_member(body, key, value)
    if member_spans(body, members) is None:
        return join_object({**members, key: value})
    end = body.rindex(b"}")
    return b"%s,%s:%s%s" % (body[:end], dumps(key), value, body[end:])
