"""The legal order of a Messages stream: what may stand where."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.grammar import Grammar, GrammarError
from providers.wire.messages import PING, MessagesEvent
from providers.wire.sse import SseDecoder
from tests.cast import anthropic_stream

COUNTS = {"input_tokens": 1, "output_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
START = {
    "type": "message_start",
    "message": {"id": "m", "content": [], "usage": COUNTS},
}
STOP = {"type": "message_stop"}
TEXT = {"type": "text", "text": ""}
TOOL = {"type": "tool_use", "id": "t", "name": "T", "input": {}}
THOUGHT = {"type": "thinking", "thinking": "", "signature": ""}


def block(index=0, **content):
    return {"type": "content_block_start", "index": index, "content_block": content or TEXT}


def delta(kind="text_delta", index=0, **fields):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def end(index=0):
    return {"type": "content_block_stop", "index": index}


def done(reason="end_turn", **usage):
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage or {"output_tokens": 1}}


def judge(*payloads):
    grammar = Grammar()
    for payload in payloads:
        grammar.feed(payload if isinstance(payload, MessagesEvent) else MessagesEvent.of(payload))
    grammar.finish()


def input_(text):
    return delta("input_json_delta", partial_json=text)


LEGAL = {
    "text": (PING, START, PING, block(), PING, delta(text="a"), end(), done(), PING, STOP),
    "empty": (START, done(), STOP),
    "tool": (START, block(**TOOL), input_('{"a'), input_('":1}'), end(), done("tool_use"), STOP),
    "tool without input": (START, block(**TOOL), end(), done("tool_use"), STOP),
    "cut tool": (START, block(**TOOL), input_('{"a'), end(), done("max_tokens"), STOP),
    "full window": (START, block(**TOOL), input_('{"a'), end(), done("model_context_window_exceeded"), STOP),
    "thinking": (START, block(**THOUGHT), delta("thinking_delta", thinking="a"),
                 delta("signature_delta", signature="s"), end(), block(1), end(1), done(), STOP),
    "two deltas at the end": (START, done(None), done(), STOP),
    "error first": ({"type": "error", "error": {}},),
    "error amid": (START, block(), {"type": "error", "error": {}}),
}  # fmt: skip
ILLEGAL = {
    "nothing": (),
    "no start": (block(),),
    "two starts": (START, START),
    "start without id": ({"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 1}}},),
    "start without usage": ({"type": "message_start", "message": {"id": "m", "content": []}},),
    "start with half a usage": (
        {**START, "message": {**START["message"], "usage": {**COUNTS, "cache_read_input_tokens": None}}},),
    "start without message": ({"type": "message_start", "message": 7},),
    "index gap": (START, block(1)),
    "nested block": (START, block(), block(1)),
    "block without content": (START, {"type": "content_block_start", "index": 0}),
    "text without its text": (START, block(type="text")),
    "thinking without its thinking": (START, block(type="thinking")),
    "tool without its input": (START, block(type="tool_use", id="t", name="T")),
    "redacted thinking without its data": (START, block(type="redacted_thinking")),
    "block of no type": (START, block(text="")),
    "text_delta without text": (START, block(), delta()),
    "input_json_delta without json": (START, block(**TOOL), delta("input_json_delta", partial_json={})),
    "thinking_delta without thinking": (START, block(**THOUGHT), delta("thinking_delta", text="a")),
    "signature_delta without signature": (START, block(**THOUGHT), delta("signature_delta", signature=None)),
    "ping after the stop": (START, done(), STOP, PING),
    "ping after an error": ({"type": "error", "error": {}}, PING),
    "tool without name": (START, block(type="tool_use", id="t")),
    "delta outside": (START, delta(text="a")),
    "delta of another block": (START, block(), delta(index=1, text="a")),
    "delta of another kind": (START, block(), delta("thinking_delta", thinking="a")),
    "delta of no kind": (START, block(), delta([], text="a")),
    "delta without delta": (START, block(), {"type": "content_block_delta", "index": 0}),
    "after the signature": (START, block(**THOUGHT), delta("signature_delta", signature="s"),
                            delta("thinking_delta", thinking="a")),
    "stop of no block": (START, end()),
    "block left open": (START, block(), done()),
    "no usage": (START, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
    "block after the end": (START, done(), block()),
    "no stop reason": (START, done(None), STOP),
    "stop without delta": (START, STOP),
    "cut": (START, block(), end(), done()),
    "after the stop": (START, done(), STOP, block()),
    "after an error": ({"type": "error", "error": {}}, START),
    "half a tool": (START, block(**TOOL), input_('{"a'), end(), done("tool_use"), STOP),
    "tool input no object": (START, block(**TOOL), input_("[]"), end(), done("tool_use"), STOP),
    "tool_use without tool": (START, done("tool_use"), STOP),
    "end_turn with tool": (START, block(**TOOL), end(), done("end_turn"), STOP),
    "unknown event": (START, {"type": "surprise"}),
    "attribute as event": (START, {"type": "inputs"}),
    "other name": (START, MessagesEvent.from_json("message_stop", json.dumps(done()).encode())),
    "not json": (MessagesEvent.from_json("message_start", b"{"),),
    "no object": (MessagesEvent.from_json("message_start", b"[]"),),
}  # fmt: skip


@pytest.mark.parametrize("case", LEGAL)
def test_a_legal_stream_passes(case):
    """Every legal order passes, pings anywhere."""
    judge(*LEGAL[case])


@pytest.mark.parametrize("case", ILLEGAL)
def test_an_illegal_event_is_one_clear_error(case):
    """What may not stand where it stands is a GrammarError, never anything else."""
    with pytest.raises(GrammarError, match=r"\w+ \w+"):
        judge(*ILLEGAL[case])


def test_the_cast_speaks_legally():
    """The recorded stream of the cast is legal."""
    events = SseDecoder().feed(b"".join(anthropic_stream()))
    judge(*(MessagesEvent(event.name, event.data, event.frame) for event in events))


@given(st.lists(st.sampled_from([p for case in (*LEGAL.values(), *ILLEGAL.values()) for p in case]), max_size=8))
def test_no_order_crashes_the_grammar(payloads):
    """Events in any order are legal or a GrammarError."""
    try:
        judge(*payloads)
    except GrammarError as error:
        judged = str(error)
    else:
        judged = "legal"
    assert judged
