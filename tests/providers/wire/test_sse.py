"""Server-sent events: the same events however the bytes are cut."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.wire.sse import EventTooLarge, SseDecoder

BOM = b"\xef\xbb\xbf"
CASES = {
    "lf": (b"event: a\ndata: 1\n\ndata: 2\n\n", [("a", b"1"), ("", b"2")]),
    "crlf": (b"event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", [("a", b"1"), ("", b"2")]),
    "cr": (b"event: a\rdata: 1\r\rdata: 2\r\r", [("a", b"1"), ("", b"2")]),
    "mixed": (b"event: a\rdata: 1\n\r\ndata: 2\r\n\ndata: 3\n\rdata: 4\r\n\r", [
        ("a", b"1"), ("", b"2"), ("", b"3"), ("", b"4")]),
    "mixed late": (b"data: 1\n\n\n\ndata: 2\n\n\r\n\r\ndata: 3\r\r\r\n", [("", b"1"), ("", b"2"), ("", b"3")]),
    "bom": (BOM + b"data: 1\n\n", [("", b"1")]),
    "bom crlf": (BOM + b"event: a\r\ndata: 1\r\n\r\n", [("a", b"1")]),
    "bom only first": (b"data: 1\n\n" + BOM + b"data: 2\n\n", [("", b"1"), ("", b"")]),
    "comment": (b": ping\n\ndata: 1\n: inside\n\n", [("", b""), ("", b"1")]),
    "many lines": (b"data: a\ndata:b\ndata:  c\ndata\n\n", [("", b"a\nb\n c\n")]),
    "no blank after colon": (b"event:a\ndata:{}\n\n", [("a", b"{}")]),
    "colon in value": (b"data: a: b:c\n\n", [("", b"a: b:c")]),
    "other fields": (b"id: 7\nretry: 9\nDATA: x\ndatax: y\n data: z\ndata: 1\n\n", [("", b"1")]),
    "last name wins": (b"event: a\nevent: b\ndata: 1\n\n", [("b", b"1")]),
    "name without data": (b"event: ping\n\n", [("ping", b"")]),
    "empty data": (b"data\n\ndata:\n\n", [("", b""), ("", b"")]),
    "line separators": ("data: \u2028\u2029\u0085\x0b\x0c\x1c|\n\n".encode(), [
        ("", "\u2028\u2029\u0085\x0b\x0c\x1c|".encode())]),
    "split utf-8": ("event: é\ndata: 😀漢\n\n".encode(), [("é", "😀漢".encode())]),
    "not utf-8": (b"event: \xff\ndata: \xc3\n\n", [("\ufffd", b"\xc3")]),
    "nul": (b"data: a\0b\n\n", [("", b"a\0b")]),
    "unterminated": (b"data: 1\n\nevent: b\ndata: 2", [("", b"1"), ("b", b"2")]),
    "one line end short": (b"data: 1\n", [("", b"1")]),
    "one line end short crlf": (b"data: 1\r\n", [("", b"1")]),
    "leading blanks": (b"\n\n\r\n\r\ndata: 1\n\n", [("", b"1")]),
    "three line ends": (b"data: 1\n\n\ndata: 2\n\n\n", [("", b"1"), ("", b"2")]),
    "only blanks": (b"\n\r\n\r\r\n", []),
    "nothing": (b"", []),
    "done": (b'data: {"a":1}\n\ndata: [DONE]\n\n', [("", b'{"a":1}'), ("", b"[DONE]")]),
}  # fmt: skip


def replay(*chunks: bytes):
    decoder = SseDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.finish()


def seen(events):
    return [(event.name, event.data) for event in events]


@pytest.mark.parametrize("case", CASES)
def test_events_do_not_depend_on_the_cuts(case):
    """Whole, byte by byte, and cut at every position, a stream makes the same events."""
    text, expected = CASES[case]
    assert seen(replay(text)) == expected
    assert seen(replay(*(text[at : at + 1] for at in range(len(text))))) == expected
    for at in range(len(text) + 1):
        assert seen(replay(text[:at], text[at:])) == expected, at
        assert seen(replay(text[:at], b"", text[at : at + 1], text[at + 1 :])) == expected, at


PIECE = st.sampled_from([b"\n", b"\r", b"\r\n", b"data: a", b"data:", b"event: e", b": c", b"x", b"\xe2\x80\xa8", BOM])


@settings(deadline=None)
@given(st.lists(PIECE, max_size=14).map(b"".join), st.lists(st.integers(0, 60), max_size=6))
def test_any_cuts_of_any_stream(text, cuts):
    """Whatever the bytes and wherever they are cut, the events are those of the whole."""
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    chunks = [text[a:b] for a, b in pairwise(places)]
    assert seen(replay(*chunks)) == seen(replay(text))


@settings(deadline=None)
@given(st.lists(PIECE, max_size=14).map(b"".join))
def test_frames_hold_all_but_blanks(text):
    """The frames together are the stream itself; only blank lines between events may be missing."""
    frames = b"".join(event.frame for event in replay(text))
    text = text.removeprefix(BOM)
    assert frames.replace(b"\r", b"").replace(b"\n", b"") == text.replace(b"\r", b"").replace(b"\n", b"")


def test_frames_are_the_bytes_received():
    """A well-formed stream's frames are its bytes, ready to be relayed."""
    text = b"event: a\ndata: 1\n\n: ping\n\ndata: 2\r\n\r\n"
    assert [event.frame for event in replay(text)] == [b"event: a\ndata: 1\n\n", b": ping\n\n", b"data: 2\r\n\r\n"]
    assert replay(b"data: 1")[0].frame == b"data: 1\n\n"


def test_events_come_at_once():
    """An event is handed out by the chunk that completes it, not by a later one."""
    decoder = SseDecoder()
    assert decoder.feed(b"data: 1\n") == []
    assert seen(decoder.feed(b"\ndata: 2")) == [("", b"1")]
    assert seen(decoder.feed(b"\r\n\r\n")) == [("", b"2")]


def test_comments_are_told_apart():
    """A keepalive comment is one, an event is not."""
    comment, named, data = replay(b": ping\n\nevent: ping\n\ndata: 1\n\n")
    assert (comment.is_comment, named.is_comment, data.is_comment) == (True, False, False)


@pytest.mark.parametrize("size", [1, 100, 100_000])
def test_giant_event_is_refused(size):
    """An event that does not end is given up at the cap, whatever the size of its pieces."""
    decoder = SseDecoder(max_event_bytes=1000)
    decoder.feed(b"data: small\n\n" * 500)
    with pytest.raises(EventTooLarge, match="1000 bytes"):
        for _ in range(1100):
            decoder.feed(b"x" * size)


def test_large_event_in_small_chunks_takes_linear_time():
    """An event of 4 MB that arrives in small chunks costs no copy of all of it per chunk."""
    decoder = SseDecoder()
    started = time.perf_counter()
    decoder.feed(b"data: ")
    for _ in range(40_000):
        decoder.feed(b"x" * 100)
    (event,) = decoder.feed(b"\n\n")
    assert len(event.data) == 4_000_000
    assert time.perf_counter() - started < 2
