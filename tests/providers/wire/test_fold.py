"""A stream folded into the whole reply it tells."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.blocks import BlockWriter
from providers.wire.fold import StreamFailed, fold
from providers.wire.grammar import GrammarError
from providers.wire.messages import PING, MessagesEvent, Usage
from providers.wire.sse import SseDecoder
from tests.cast import anthropic_stream


def events(*payloads):
    return [MessagesEvent.of(payload) for payload in payloads]


def written(say, reason="end_turn"):
    """The events of one message in which `say` has told the writer what happens."""
    writer = BlockWriter()
    found = writer.start("msg_1", "claude-x", Usage(input=9))
    for step in say(writer):
        found += step
    return found + writer.finish(reason, Usage(7, 5, 3, thinking=2))


def content(found):
    return json.loads(fold(found).body)["content"]


def test_a_native_stream_becomes_the_message_of_its_start():
    """Id, role and model are those of message_start, the text is whole, later counts replace earlier ones."""
    decoder = SseDecoder()
    frames = [event for chunk in anthropic_stream(text="Hello") for event in decoder.feed(chunk)]
    reply = fold(MessagesEvent.from_json(frame.name, frame.data) for frame in frames)
    assert json.loads(reply.body) == {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "glm-4.6",
        "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 7, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3,
                  "output_tokens": 5},
    }  # fmt: skip
    assert (reply.usage, reply.stop_reason, reply.has_content) == (Usage(7, 5, 3), "end_turn", True)


def test_every_kind_of_block_is_put_together():
    """Thinking with its signature, text, a call's input as an object and a block in one piece, all in order."""
    found = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}

    def say(writer):
        yield writer.thinking("Let me ")
        yield writer.thinking("think.")
        yield writer.signature("sig")
        yield writer.text("a")
        yield writer.text("b")
        yield writer.whole(found)
        yield writer.tool("call_a", "Read")
        yield writer.tool_input('{"path"')
        yield writer.tool_input(':"a"}')
        yield writer.tool("call_b", "List")

    assert content(written(say, "tool_use")) == [
        {"type": "thinking", "thinking": "Let me think.", "signature": "sig"}, {"type": "text", "text": "ab"}, found,
        {"type": "tool_use", "id": "call_a", "name": "Read", "input": {"path": "a"}},
        {"type": "tool_use", "id": "call_b", "name": "List", "input": {}},
    ]  # fmt: skip


def test_an_input_that_was_cut_off_is_an_empty_object():
    """A call cut by max_tokens keeps an object as its input, never half a text."""

    def say(writer):
        yield writer.tool("call_a", "Write")
        yield writer.tool_input('{"path":"a')

    assert content(written(say, "max_tokens"))[0]["input"] == {}


def test_a_text_begun_in_the_start_goes_on():
    """What content_block_start already holds stands before the deltas; citations are collected."""
    start, *_, delta, stop = written(lambda writer: ())
    block = {"type": "text", "text": "He"}
    pieces = [{"type": "text_delta", "text": "llo"}, *({"type": "citations_delta", "citation": {"n": n}} for n in "12")]
    found = events(
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": piece} for piece in pieces),
        {"type": "content_block_stop", "index": 0},
    )
    told = {"type": "text", "text": "Hello", "citations": [{"n": "1"}, {"n": "2"}]}
    assert content([start, *found, delta, stop]) == [told]


def test_null_takes_nothing_back_and_pings_say_nothing():
    """A later null leaves the stop reason and the counts as they were; an answer without blocks has no content."""
    start, delta, stop = written(lambda writer: ())
    null = {
        "type": "message_delta",
        "delta": {"stop_reason": None},
        "usage": {"output_tokens": 6, "input_tokens": None},
    }
    reply = fold([PING, start, delta, PING, *events(null), stop])
    assert (reply.stop_reason, reply.usage.input, reply.usage.output) == ("end_turn", 7, 6)
    assert (reply.usage.thinking, reply.has_content) == (2, False)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (MessagesEvent.of({"type": "error", "error": {"type": "api_error", "message": "gone"}}), "gone"),
        (MessagesEvent.of({"type": "error", "error": "gone"}), "the stream ended with an error"),
        (MessagesEvent.from_json("error", b"rubbish"), "the stream ended with an error"),
    ],
)
def test_an_error_event_is_no_reply(event, words):
    """A stream that ends in an error cannot be folded; its words go along."""
    with pytest.raises(StreamFailed, match=words):
        fold([*written(lambda writer: [writer.text("a")])[:3], event])


def test_an_event_of_a_later_kind_is_passed_over():
    """What is new to us makes no reply worse."""
    whole = written(lambda writer: [writer.text("a")])
    novelty = MessagesEvent.of({"type": "novelty", "x": 1})
    assert fold([whole[0], novelty, *whole[1:]]) == fold(whole)


def test_an_illegal_or_unfinished_stream_is_refused():
    """Events out of order, a missing end and no events at all break the grammar."""
    whole = written(lambda writer: [writer.text("a")])
    for found in (whole[:-1], whole[1:], [], [*whole, whole[0]], [MessagesEvent.from_json("message_start", b"{")]):
        with pytest.raises(GrammarError):
            fold(found)


@given(st.text(), st.dictionaries(st.text(max_size=3), st.text(max_size=3), min_size=1, max_size=3), st.data())
def test_the_cuts_of_the_deltas_change_nothing(text, arguments, data):
    """However text and input are cut into deltas, the reply holds them whole."""
    raw = json.dumps(arguments)
    at, cut = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(raw)))

    def say(writer):
        yield writer.text(text[:at])
        yield writer.text(text[at:])
        yield writer.tool("t", "T")
        yield writer.tool_input(raw[:cut])
        yield writer.tool_input(raw[cut:])

    told = content(written(say, "tool_use"))
    assert told[-1]["input"] == arguments
    assert "".join(block["text"] for block in told[:-1]) == text
