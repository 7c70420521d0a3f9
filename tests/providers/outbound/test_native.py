"""The tools of the native paths: which words may pass, frames on events, members set in place."""

import pytest

from providers.outbound.native import carrying, frame_with, own_words, with_member
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


def test_a_frame_is_on_the_first_event():
    """The frame reaches the client once, whatever number of events it made."""
    event = MessagesEvent.of({"type": "message_stop"})
    assert [made.native for made in carrying([event, event], b"x")] == [b"x", b""]
    assert [(made.type, made.native) for made in carrying([], b"x")] == [(PING.type, b"x")]
    assert carrying([], b"") == ()


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
