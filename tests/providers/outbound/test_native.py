"""The tools of the native paths: which words may pass, frames on events, members set in place."""

import pytest

from providers.outbound.native import NativeTranslator, frame_with, own_words, with_member
from providers.wire.messages import PING, MessagesEvent, Source
from providers.wire.sse import ServerSentEvent
from tests import cast


@pytest.mark.parametrize(
    ("wire_format", "body", "passes"),
    [
        ("openai_chat", b"{}", True), ("openai_responses", b"{}", False),
        ("openai_chat", b'{"a":"<CCM-SUBAGENT-MODEL>x"}', False),
    ],
)  # fmt: skip
def test_own_words(wire_format, body, passes):
    """A client's body passes to its own format alone, and not with a subagent tag in it."""
    source = Source(wire_format, body, {})
    assert (own_words(cast.request(source=source), "openai_chat") is source) is passes
    assert own_words(cast.request(), "openai_chat") is None


class Saying:
    """A translator that makes the same of everything, and owes the same at the end."""

    ended = False

    def __init__(self, *events):
        self._events = events

    def feed(self, event):
        return self._events

    def finish(self):
        return self._events


def heard(name):
    return ServerSentEvent(name, b"{}", b"event: %s\ndata: {}\n\n" % name.encode())


def test_a_frame_is_on_the_first_event():
    """The frame reaches the client once, whatever number of events it made; one that made none is on a ping."""
    event = MessagesEvent.of({"type": "message_stop"})
    frame = heard("a").frame
    two = NativeTranslator(Saying(event, event), lambda event: event.frame, end=b"end")
    assert [made.native for made in two.feed(heard("a"))] == [frame, b""]
    assert [made.native for made in two.finish()] == [b"end", b""]
    none = NativeTranslator(Saying(), lambda event: event.frame, end=b"end")
    assert [(made.type, made.native) for made in none.feed(heard("a"))] == [(PING.type, frame)]
    assert none.finish() == ()
    unheard = NativeTranslator(Saying(), lambda event: b"")
    assert unheard.feed(heard("a")) == ()


def test_what_the_translator_reads_may_be_another_event():
    """`known` gives it words it knows, the client gets the frame as it came."""
    read = []
    translator = Saying()
    translator.feed = lambda event: read.append(event.name) or ()
    native = NativeTranslator(translator, lambda event: event.frame, lambda event: heard("known"))
    assert [made.native for made in native.feed(heard("new"))] == [heard("new").frame]
    assert read == ["known"]


def test_after_the_end_nothing_is_passed():
    """What an upstream says after its own end is no part of the answer."""
    translator = Saying(PING)
    translator.ended = True
    native = NativeTranslator(translator, lambda event: event.frame)
    assert native.ended and native.feed(heard("late")) == ()


def test_frames_keep_their_bytes():
    """Only the data of a frame is another; data on several lines is joined."""
    assert frame_with(ServerSentEvent("a", b"1", b"id:7\ndata:1\n\n"), b"2") == b"id:7\ndata:2\n\n"
    assert frame_with(ServerSentEvent("a", b"[1,\n2]", b"x"), b"[1,\n3]") == b"event: a\ndata: [1, 3]\n\n"
    same = ServerSentEvent("", b"[1,\n2]", b"as it came")
    assert frame_with(same, same.data) == b"as it came"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{ "a": 1 }', b'{ "a": 1 ,"k":2}'), (b'{"k": 1, "a":3}', b'{"k": 2, "a":3}'),
        (b'{"a":1,"a":3}', b'{"a":3,"k":2}'),
    ],
)  # fmt: skip
def test_a_member_is_set_in_place(body, expected):
    """Every other byte stays, unless a key is repeated."""
    assert with_member(body, "k", b"2") == expected
