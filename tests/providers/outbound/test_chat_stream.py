"""Streamed chat completions: vendors' recordings become one legal Messages stream, however they are cut."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.openai_chat import OPENAI_CHAT
from providers.wire.grammar import Grammar
from providers.wire.sse import ServerSentEvent, SseDecoder
from tests.cast import request, target

RECORDINGS = Path(__file__).parents[2] / "recordings" / "openai_chat"
THINKS = {"thinking": {"type": "adaptive"}}
LONG = "mcp__" + "a_server_with_a_long_name" * 3 + "__tool"


def recording(name):
    return (RECORDINGS / f"{name}.sse").read_bytes()


def replay(*chunks, messages=None):
    """Every event of a stream through decoder, translator and grammar, and the failure that ended it, if any."""
    decoder, grammar = SseDecoder(), Grammar()
    translator = OPENAI_CHAT.translator(messages or request(THINKS), target(preset="openai-compatible"))
    events = []

    def passed(found):
        for event in found:
            grammar.feed(event)
            events.append(event)

    try:
        for chunk in chunks:
            for event in decoder.feed(chunk):
                passed(translator.feed(event))
        for event in decoder.finish():
            passed(translator.feed(event))
        passed(translator.finish())
    except UpstreamFailure as error:
        assert not translator.ended
        return [event.json for event in events], error.failure
    assert translator.ended
    grammar.finish()
    return [event.json for event in events], None


def message(events):
    """The message a client puts together from the events, its blocks by their order."""
    blocks, whole = [], {}
    for text in events:
        event = json.loads(text)
        if event["type"] == "content_block_start":
            blocks.append([event["content_block"], ""])
        elif event["type"] == "content_block_delta" and event["delta"]["type"] != "signature_delta":
            blocks[-1][1] += next(value for key, value in event["delta"].items() if key != "type")
        elif event["type"] == "message_delta":
            whole = {"stop": event["delta"]["stop_reason"], "usage": event["usage"]}
    whole["content"] = [(b["id"], b["name"], text) if "id" in b else (b["type"], text) for b, text in blocks]
    return whole


READ, GREP = ("call_a", "Read", '{"path":"a"}'), ("call_b", "Grep", '{"q":"x"}')
WHOLE = {
    "text": ("end_turn", [("text", "Hello, Wörld 😀")]),
    "text_no_usage": ("end_turn", [("text", "Hello")]),
    "reasoning_then_text": ("end_turn", [("thinking", "Let me think."), ("text", "Done.")]),
    "reasoning_openrouter": ("end_turn", [("thinking", "Hm. So."), ("text", "Yes")]),
    "tools_parallel": ("tool_use", [("text", "Reading."), READ, GREP]),
    "tools_interleaved": ("tool_use", [READ, GREP]),
    "tools_packed": ("tool_use", [READ, GREP]),
    "tool_late_name": ("tool_use", [READ]),
    "tools_index_zero": ("tool_use", [READ, GREP]),
    "tool_object_arguments": ("tool_use", [READ]),
    "tool_no_arguments": ("tool_use", [("call_a", "List", "")]),
    "crlf_comments": ("end_turn", [("text", "Hello")]),
    "content_filter": ("refusal", [("text", "I")]),
    "refusal": ("refusal", [("text", "I cannot do that.")]),
    "cut_after_finish": ("end_turn", [("text", "Hello")]),
    "length_cuts_tool": ("max_tokens", [("call_a", "Write", '{"path":"a","text":"lo')]),
    "nothing": ("end_turn", []),
}
BROKEN = {
    "error_midstream": FailureKind.RATE_LIMITED,
    "error_named": FailureKind.OVERLOADED,
    "cut_before_finish": FailureKind.GARBLED,
    "stop_cuts_tool": FailureKind.GARBLED,
}


def test_every_recording_is_expected_somewhere():
    """No recording lies about unused."""
    assert {path.stem for path in RECORDINGS.glob("*.sse")} == {*WHOLE, *BROKEN, "tool_no_id"}


@pytest.mark.parametrize("name", WHOLE)
def test_a_recording_becomes_the_message_it_tells(name):
    """Text, thinking and tool calls arrive whole and in order, with the stop reason that fits them."""
    events, failed = replay(recording(name))
    assert failed is None
    told = message(events)
    assert (told["stop"], told["content"]) == WHOLE[name]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_recording_is_a_failure_not_an_answer(name):
    """An error inside the stream, a cut and half a tool call end in a failure of the right kind, never in a stop."""
    events, failed = replay(recording(name))
    assert failed is not None
    assert failed.kind is BROKEN[name]
    assert events
    assert b"message_stop" not in b"".join(events)


@pytest.mark.parametrize("name", sorted(path.stem for path in RECORDINGS.glob("*.sse")))
def test_the_cuts_of_the_bytes_change_nothing(name):
    """Whole, byte by byte and cut in two at every position, a recording makes the same events."""
    text = recording(name)
    expected = replay(text)
    assert replay(*(text[at : at + 1] for at in range(len(text)))) == expected
    for at in range(1, len(text)):
        assert replay(text[:at], text[at:]) == expected


@pytest.mark.parametrize("name", WHOLE)
def test_a_truncated_recording_is_no_answer_before_its_finish_reason(name):
    """A stream that stops early fails, unless the finish reason has been seen."""
    text = recording(name)
    frames = [frame + b"\n\n" for frame in text.replace(b"\r\n", b"\n").split(b"\n\n") if frame]
    finished = next(at for at, frame in enumerate(frames) if b'"finish_reason":"' in frame)
    for count in range(len(frames)):
        _, failed = replay(*frames[:count])
        assert (failed is None) == (count > finished)
        if failed is not None:
            assert failed.kind is FailureKind.GARBLED


def test_usage_is_the_upstreams_without_what_the_cache_read():
    """The upstream's count goes out at the end, cached tokens apart; without one there is an estimate."""
    assert message(replay(recording("text"))[0])["usage"] == {
        "input_tokens": 12, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 8, "output_tokens": 7,
    }  # fmt: skip
    estimated = message(replay(recording("text_no_usage"))[0])["usage"]
    assert estimated["input_tokens"] > 0
    assert estimated["output_tokens"] > 0


def test_the_usage_may_be_told_inside_the_choice():
    """Moonshot counts in the last choice, and what its cache gave beside the prompt's tokens."""
    counted = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12, "cached_tokens": 7}
    last = {"index": 0, "delta": {}, "finish_reason": "stop", "usage": counted}
    events, _ = replay(chunk({"content": "a"}), b"data: %s\n\n" % json.dumps({"id": "c", "choices": [last]}).encode())
    usage = json.loads(events[-2])["usage"]
    assert [usage[key] for key in ("input_tokens", "cache_read_input_tokens", "output_tokens")] == [3, 7, 2]


def test_a_call_without_an_id_gets_one_the_same_every_time():
    """A missing tool id is made up from the call, not from chance."""
    first, second = (message(replay(recording("tool_no_id"))[0])["content"] for _ in range(2))
    assert first == second
    assert first[0][0].startswith("toolu_0_")
    assert first[0][1:] == READ[1:]


def chunk(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: %s\n\n" % json.dumps({"id": "c", "choices": [choice]}).encode()


def tool(index=0, **fields):
    function = {key: fields.pop(key) for key in ("name", "arguments") if key in fields}
    return {"tool_calls": [{"index": index, "function": function, **fields}]}


def test_a_shortened_tool_name_comes_back_as_the_client_knows_it():
    """The client sees its own tool name, whatever was sent upstream, and the model it asked for."""
    messages = request({"tools": [{"name": LONG, "input_schema": {"type": "object"}}]})
    body = json.loads(OPENAI_CHAT.request(messages, target(preset="openai-compatible")).body)
    sent = body["tools"][0]["function"]["name"]
    assert len(sent) <= 64
    events, _ = replay(chunk(tool(id="c1", name=sent, arguments="{}")), chunk({}, "tool_calls"), messages=messages)
    assert message(events)["content"] == [("c1", LONG, "{}")]
    assert json.loads(events[0])["message"]["model"] == "claude-x"


def test_text_after_a_tool_call_opens_a_new_block():
    """Text that follows a whole call loses nothing and stays in place."""
    events, failed = replay(
        chunk({"content": "a"}), chunk(tool(id="c1", name="T", arguments="{}")), chunk({"content": "b"}),
        chunk({}, "tool_calls"),
    )  # fmt: skip
    assert failed is None
    assert message(events)["content"] == [("text", "a"), ("c1", "T", "{}"), ("text", "b")]


def test_text_amid_a_call_does_not_break_the_call():
    """Text between two pieces of a call's arguments waits until the call is whole."""
    events, failed = replay(
        chunk(tool(id="c1", name="T", arguments='{"a":')), chunk({"content": "b"}), chunk(tool(arguments="1}")),
        chunk({}, "tool_calls"),
    )  # fmt: skip
    assert failed is None
    assert message(events)["content"] == [("c1", "T", '{"a":1}'), ("text", "b")]


def test_whole_calls_without_ids_are_told_apart():
    """A server that numbers every call 0 and names none of them still makes as many calls as it wrote."""
    whole = [chunk(tool(name=name, arguments='{"a":1}')) for name in ("A", "A", "B")]
    events, failed = replay(*whole, chunk({}, "tool_calls"))
    assert failed is None
    content = message(events)["content"]
    assert [(name, arguments) for _, name, arguments in content] == [(n, '{"a":1}') for n in ("A", "A", "B")]
    assert len({made_up for made_up, _, _ in content}) == 3


def test_a_name_repeated_with_every_piece_is_one_call():
    """A server that repeats the name beside each piece of the arguments has made one call."""
    pieces = [chunk(tool(name="A", arguments=part)) for part in ('{"a":', "1}", "")]
    events, _ = replay(*pieces, chunk({}, "tool_calls"))
    assert [block[1:] for block in message(events)["content"]] == [("A", '{"a":1}')]


def test_made_up_ids_differ_from_turn_to_turn():
    """Without ids from upstream, the same call in another turn gets another id, and so does the message."""
    again = request({"messages": [{"role": "user", "content": "hi"}] * 3})
    stream = recording("tool_no_id").replace(b'"id"', b'"was"')
    first, second = replay(stream)[0], replay(stream, messages=again)[0]
    for events in zip(first[:2], second[:2], strict=True):
        one, two = (json.loads(text) for text in events)
        key = "message" if one["type"] == "message_start" else "content_block"
        assert one[key]["id"] != two[key]["id"]


def test_an_empty_reasoning_content_hides_nothing():
    """Thinking is found under the name that holds some."""
    events, _ = replay(chunk({"reasoning_content": "", "reasoning": "hm", "content": "x"}, "stop"))
    assert message(events)["content"] == [("thinking", "hm"), ("text", "x")]


def test_three_interleaved_calls_arrive_whole():
    """Round-robin arguments of three calls end in three whole calls."""
    pieces = [chunk(tool(i, id=f"c{i}", name=f"T{i}", arguments="")) for i in range(3)]
    pieces += [chunk(tool(i, arguments=part)) for part in ('{"a"', ":", "1}") for i in range(3)]
    events, failed = replay(*pieces, chunk({}, "tool_calls"))
    assert failed is None
    assert message(events)["content"] == [(f"c{i}", f"T{i}", '{"a":1}') for i in range(3)]


@pytest.mark.parametrize("text", [b"nonsense", b"[]", b"1", b'"x"', b"<html>", b'{"id":', b"null"])
def test_an_event_that_is_no_object_is_garbled(text):
    """What is no JSON object in the stream is a garbled answer."""
    _, failed = replay(b"data: " + text + b"\n\n")
    assert failed is not None
    assert failed.kind is FailureKind.GARBLED


@pytest.mark.parametrize(
    ("finish", "kind"), [("insufficient_system_resource", "overloaded"), ("network_error", "overloaded"),
                         ("error", "garbled")]
)  # fmt: skip
def test_a_finish_reason_may_say_that_the_answer_broke(finish, kind):
    """DeepSeek out of resources and their like have not finished the answer: it is told as broken, not as its end."""
    events, failed = replay(chunk({"content": "half an ans"}), chunk({}, finish), b"data: [DONE]\n\n")
    assert (failed.kind, failed.message) == (FailureKind(kind), f"the model stopped with {finish}")
    assert b"message_stop" not in b"".join(events)


def test_a_full_window_may_cut_a_call():
    """A call that the end of the window cut is no broken answer, and the client reads why it ended."""
    events, failed = replay(chunk(tool(id="c1", name="T", arguments='{"a":"lo')), chunk({}, "model_length"))
    assert failed is None
    assert message(events)["stop"] == "model_context_window_exceeded"


def test_an_end_without_a_beginning_is_garbled():
    """[DONE] alone is no answer."""
    assert replay(b"data: [DONE]\n\n")[1].kind is FailureKind.GARBLED
    assert replay()[1].kind is FailureKind.GARBLED


def test_thinking_may_be_a_part_of_the_content():
    """Mistral's reasoning models think in parts of their content."""
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]
    events, _ = replay(chunk({"content": parts}), chunk({"content": "x"}, "stop"))
    assert message(events)["content"] == [("thinking", "hm"), ("text", "x")]


def test_nothing_follows_the_end():
    """After [DONE] the translator says nothing more."""
    whole, _ = replay(recording("text"))
    assert replay(recording("text"), recording("text"), b"data: rubbish\n\n")[0] == whole


text = st.text(max_size=4)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
tool_pieces = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(0, 2) | json_values,
        "id": st.sampled_from(["a", "b", ""]) | json_values,
        "function": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["T", "U", ""]) | json_values,
                "arguments": st.sampled_from(["", "{}", '{"a":', "1}", " "]) | json_values,
            },
        )
        | json_values,
    },
)
deltas = st.fixed_dictionaries(
    {},
    optional={
        "role": st.just("assistant"),
        "content": text | json_values,
        "reasoning_content": text | json_values,
        "reasoning": text,
        "reasoning_details": st.lists(st.fixed_dictionaries({"text": text})) | json_values,
        "refusal": text | json_values,
        "tool_calls": st.lists(tool_pieces | json_values, max_size=3) | json_values,
    },
)
finishes = st.sampled_from([None, None, None, "stop", "length", "tool_calls", "content_filter"]) | json_values
choices = st.fixed_dictionaries({}, optional={"delta": deltas | json_values, "finish_reason": finishes})
chunks = st.fixed_dictionaries(
    {},
    optional={
        "id": text | json_values,
        "choices": st.lists(choices | json_values, max_size=2) | json_values,
        "usage": st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens"]), json_values) | json_values,
        "error": st.none() | json_values,
    },
)


@given(st.lists(chunks | choices.map(lambda choice: {"choices": [choice]}), max_size=8), st.booleans())
@settings(max_examples=400, deadline=None)
def test_no_chunks_make_an_illegal_stream(parts, done):
    """Whatever chunks arrive, the events are legal and the only exception is a failure of the upstream."""
    frames = [b"data: %s\n\n" % json.dumps(part).encode() for part in parts]
    events, failed = replay(*frames, *([b"data: [DONE]\n\n"] if done else []))
    assert failed is not None or json.loads(events[-1])["type"] == "message_stop"


@given(st.binary(max_size=60))
def test_no_bytes_make_anything_but_a_failure(data):
    """Random bytes as an event's data are a failure of the upstream, or nothing."""
    translator = OPENAI_CHAT.translator(request(), target(preset="openai-compatible"))
    with suppress(UpstreamFailure):
        assert len(translator.feed(ServerSentEvent("", data, data))) <= 1
