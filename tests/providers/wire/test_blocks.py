"""The block writer: whatever it is told, the events are in the legal order."""

import json

from hypothesis import given
from hypothesis import strategies as st

from providers.wire.blocks import BlockWriter
from providers.wire.grammar import Grammar
from providers.wire.messages import Usage


def payloads(events):
    return [json.loads(event.json) for event in events]


def test_blocks_open_and_close_as_needed():
    """Another kind of block closes the one before; the same kind goes on in it."""
    writer = BlockWriter()
    events = writer.start("m", "x", Usage(3))
    events += writer.thinking("a") + writer.thinking("b") + writer.text("c") + writer.tool("t", "T")
    events += writer.tool_input("{}") + writer.text("d") + writer.finish("tool_use", Usage(3, 4), None)
    told = [(p["type"].removeprefix("content_block_"), p.get("index")) for p in payloads(events)]
    assert told == [
        ("message_start", None),
        ("start", 0), ("delta", 0), ("delta", 0), ("stop", 0), ("start", 1), ("delta", 1), ("stop", 1),
        ("start", 2), ("delta", 2), ("stop", 2), ("start", 3), ("delta", 3), ("stop", 3),
        ("message_delta", None), ("message_stop", None),
    ]  # fmt: skip
    assert writer.tools == 1


def test_an_input_of_blanks_is_none():
    """Blanks before an input are left out: alone no SDK can parse them, and nothing is an empty object."""
    for pieces, deltas in (((" ", "\n"), []), ((" ", ' {"a":', " 1}"), ['{"a":', " 1}"])):
        writer, grammar = BlockWriter(), Grammar()
        events = writer.start("m", "x", Usage()) + writer.tool("t", "T")
        for piece in pieces:
            events += writer.tool_input(piece)
        for event in events + writer.finish("tool_use", Usage()):
            grammar.feed(event)
        told = [p["delta"]["partial_json"] for p in payloads(events) if p["type"] == "content_block_delta"]
        assert told == deltas


def test_nothing_said_is_nothing_written():
    """Empty text, thinking and input open no block; a message starts once."""
    writer = BlockWriter()
    assert len(writer.start("m", "x", Usage())) == 1
    assert writer.start("m", "x", Usage()) == []
    assert writer.text("") + writer.thinking("") + writer.tool_input("") + writer.close() == []


def test_the_end_tells_reason_sequence_and_usage():
    """The last delta carries the stop reason, the stop sequence and all four counts."""
    last = payloads(BlockWriter().finish("stop_sequence", Usage(1, 2, 3, 4), "END"))[0]
    assert last["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    assert last["usage"] == {
        "input_tokens": 1, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 3, "output_tokens": 2,
    }  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(["text", "thinking", "tool", "close"]), st.text(max_size=3)), max_size=12))
def test_any_telling_is_legal(steps):
    """Every sequence of steps makes a legal stream."""
    writer, grammar = BlockWriter(), Grammar()
    events = writer.start("m", "x", Usage())
    for kind, words in steps:
        if kind == "tool":
            events += writer.tool("t", "T") + writer.tool_input('{"a":1}')
        elif kind == "close":
            events += writer.close()
        else:
            events += getattr(writer, kind)(words)
    for event in events + writer.finish("tool_use" if writer.tools else "end_turn", Usage()):
        grammar.feed(event)
    grammar.finish()


def test_a_signature_ends_the_thinking_it_signs():
    """The signature is the last delta of its block; without thinking an empty block carries it."""
    writer = BlockWriter()
    events = writer.start("m", "x", Usage()) + writer.thinking("a") + writer.signature("s1") + writer.signature("s2")
    events += writer.thinking("b") + writer.finish("end_turn", Usage())
    grammar = Grammar()
    for event in events:
        grammar.feed(event)
    grammar.finish()
    told = [(p["index"], p["delta"]) for p in payloads(events) if p["type"] == "content_block_delta"]
    assert told == [
        (0, {"type": "thinking_delta", "thinking": "a"}), (0, {"type": "signature_delta", "signature": "s1"}),
        (1, {"type": "signature_delta", "signature": "s2"}), (2, {"type": "thinking_delta", "thinking": "b"}),
    ]  # fmt: skip


def test_a_whole_block_comes_in_one_piece():
    """Redacted thinking has no deltas: the start carries it, and the stop follows."""
    writer = BlockWriter()
    events = (
        writer.start("m", "x", Usage()) + writer.text("a") + writer.whole({"type": "redacted_thinking", "data": "d"})
    )
    assert [p["type"] for p in payloads(events)][-3:] == [
        "content_block_stop", "content_block_start", "content_block_stop",
    ]  # fmt: skip
    assert writer.close() == []
