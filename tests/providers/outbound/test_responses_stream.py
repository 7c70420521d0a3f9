"""Streamed responses: recordings become one legal Messages stream, however they are cut and whoever reads them."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.names import NameMap
from providers.outbound.openai_responses.stream import ResponsesTranslator
from providers.wire import signatures
from providers.wire.sse import ServerSentEvent, SseDecoder
from tests.cast import request
from tests.providers.outbound.odd_bodies import json_values
from tests.providers.outbound.responses_replay import (
    OMITTED,
    RECORDINGS,
    SHOWN,
    TARGET,
    added,
    call,
    completed,
    done,
    message,
    recording,
    replay,
    sse,
)

NAMES = sorted(path.stem for path in RECORDINGS.glob("*.sse"))
READ, GREP = ("call_a", "Read", '{"path":"a"}'), ("call_b", "Grep", '{"q":"x"}')
HELLO, DONE = ("end_turn", [("text", "Hello")]), ("text", "Done.")
WHOLE = {
    "text": ("end_turn", [("text", "Hello, Wörld 😀")]),
    "text_no_usage": HELLO,
    "text_in_done": HELLO,
    "text_in_completed": HELLO,
    "cached_usage": HELLO,
    "crlf_comments_bom": HELLO,
    "done_marker": HELLO,
    "reasoning_then_text": (
        "end_turn", [("thinking", "Let me think.\n\nNow I know.", ("rs_0", "blob-0")), DONE]),
    "reasoning_raw_text": ("end_turn", [("thinking", "Raw thought.", None), DONE]),
    "reasoning_no_summary": ("tool_use", [("thinking", "", ("rs_0", "blob-0")), READ]),
    "reasoning_tool_reasoning": (
        "tool_use", [("thinking", "First.", ("rs_0", "blob-0")), READ, ("thinking", "Second.", ("rs_2", "blob-2"))]),
    "changing_ids": ("tool_use", [("thinking", "Hm.", ("rs_x5", "blob-0")), READ]),
    "tools_interleaved": ("tool_use", [READ, GREP]),
    "tools_parallel": ("tool_use", [("text", "Reading."), READ, GREP]),
    "tool_arguments_in_done": ("tool_use", [READ]),
    "tool_item_done_only": ("tool_use", [READ]),
    "tool_no_arguments": ("tool_use", [("call_a", "List", "")]),
    "custom_tool": ("tool_use", [("call_a", "Patch", json.dumps({"input": '*** Begin "x\n'}, separators=(",", ":")))]),
    "refusal": ("refusal", [("text", "I cannot do that.")]),
    "incomplete_text": ("max_tokens", [("text", "Hel")]),
    "incomplete_cuts_tool": ("max_tokens", [("call_a", "Write", '{"path":"a","text":"lo')]),
    "incomplete_content_filter": ("refusal", [("text", "I")]),
    "web_search_citations": ("end_turn", [
        ("text", "Sunny."), ("searched", "weather"),
        ("found", [("https://a.example/1", "One"), ("https://b.example/2", "Two")])]),
    "web_search_sources": ("end_turn", [
        ("searched", "weather"), ("found", [("https://a.example/1", "https://a.example/1")]), ("text", "Sunny.")]),
    "nothing": ("end_turn", []),
}  # fmt: skip
BROKEN = {
    "failed_before_content": FailureKind.TOO_LONG,
    "failed_after_content": FailureKind.RATE_LIMITED,
    "error_event": FailureKind.OVERLOADED,
    "completed_cuts_tool": FailureKind.GARBLED,
    "cut_before_completed": FailureKind.GARBLED,
}


def test_every_recording_is_expected_somewhere():
    """No recording lies about unused."""
    assert {*NAMES} == {*WHOLE, *BROKEN}


@pytest.mark.parametrize("name", WHOLE)
def test_a_recording_becomes_the_message_it_tells(name):
    """Text, thinking, calls and searches arrive whole and in order, with the stop reason that fits them."""
    events, failed = replay(recording(name))
    assert failed is None
    assert message(events)[:2] == WHOLE[name]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_recording_is_a_failure_not_an_answer(name):
    """A failed response, an error event, a cut and half a call end in a failure of the right kind, never in a stop."""
    events, failed = replay(recording(name))
    assert failed is not None
    assert failed.kind is BROKEN[name]
    assert b"message_stop" not in b"".join(events)


@pytest.mark.parametrize("name", NAMES)
def test_the_cuts_of_the_bytes_change_nothing(name):
    """Whole, byte by byte and cut in two anywhere, a recording makes the same events."""
    text = recording(name)
    expected = replay(text)
    assert replay(*(text[at : at + 1] for at in range(len(text)))) == expected
    for at in range(1, len(text), 7):
        assert replay(text[:at], text[at:]) == expected


@pytest.mark.parametrize("name", WHOLE)
def test_a_truncated_recording_is_no_answer_before_its_last_event(name):
    """Without the event that ends the response, every beginning of a stream is garbled."""
    frames = [frame + b"\n\n" for frame in recording(name).replace(b"\r\n", b"\n").split(b"\n\n") if frame]
    ends = next(at for at, frame in enumerate(frames) if b'"response.completed"' in frame or b'"response.inc' in frame)
    for count in range(ends + 1):
        _, failed = replay(*frames[:count])
        assert failed is not None
        assert failed.kind is FailureKind.GARBLED


@pytest.mark.parametrize("body", [{}, SHOWN, OMITTED, {"thinking": {"type": "disabled"}}])
@pytest.mark.parametrize("name", WHOLE)
def test_how_the_client_wants_its_thinking_changes_nothing_else(name, body):
    """Whatever is shown of the thinking, the rest of the message stays the same."""
    events, failed = replay(recording(name), body=body)
    assert failed is None
    stop, content, _ = message(events)
    assert (stop, [block for block in content if block[0] != "thinking"]) == (
        WHOLE[name][0], [block for block in WHOLE[name][1] if block[0] != "thinking"])  # fmt: skip


@pytest.mark.parametrize("thinking", [{}, {"thinking": {"type": "disabled"}}])
def test_thinking_nobody_asked_for_is_told_only_for_a_call(thinking):
    """Without a wish for thinking a text comes alone, and before a call stands only the signature it has to carry."""
    assert message(replay(recording("reasoning_then_text"), body=thinking)[0])[1] == [DONE]
    signed = ("thinking", "", ("rs_0", "blob-0"))
    assert message(replay(recording("reasoning_tool_reasoning"), body=thinking)[0])[1] == [signed, READ]


def test_omitted_thinking_is_signed_but_not_shown():
    """With display omitted each thinking block holds its signature alone; thinking without one leaves no block."""
    signed = ("thinking", "", ("rs_0", "blob-0"))
    events = replay(recording("reasoning_then_text"), body=OMITTED)[0]
    assert message(events)[1] == [signed, DONE]
    assert b"thinking_delta" not in b"".join(events)
    assert message(replay(recording("reasoning_raw_text"), body=OMITTED)[0])[1] == [DONE]


def test_a_signature_ends_its_thinking_and_carries_the_items_last_word():
    """The signature is the block's last delta, holds the blob of the finished item, and is this target's alone."""
    events = [json.loads(text) for text in replay(recording("reasoning_then_text"))[0]]
    at = next(n for n, e in enumerate(events) if e.get("delta", {}).get("type") == "signature_delta")
    assert events[at + 1]["type"] == "content_block_stop"
    signature = events[at]["delta"]["signature"]
    assert signatures.untag(signature, TARGET.origin) == {"id": "rs_0", "encrypted_content": "blob-0"}
    assert signatures.untag(signature, TARGET.origin + "-other") is None


def test_thinking_without_a_blob_is_marked_as_this_models():
    """Raw thinking has nothing to send back, yet its signature keeps it from vendors that did not make it."""
    text = b"".join(replay(recording("reasoning_raw_text"))[0])
    assert text.count(b"signature_delta") == 1
    assert signatures.tag(TARGET.origin, None).encode() in text


def test_usage_is_the_upstreams_without_what_the_cache_read_or_wrote():
    """The upstream's count goes out at the end, cached and thinking tokens apart; without one there is an estimate."""
    usage = {"input_tokens": 12, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 8, "output_tokens": 7}
    thought = {"output_tokens_details": {"thinking_tokens": 3}}
    assert message(replay(recording("text"))[0])[2] == usage | thought
    cached = message(replay(recording("cached_usage"))[0])[2]
    assert (cached["input_tokens"], cached["cache_read_input_tokens"]) == (9, 5)
    assert cached["cache_creation_input_tokens"] == 6
    estimated = message(replay(recording("text_no_usage"))[0])[2]
    assert estimated["input_tokens"] > 0
    assert estimated["output_tokens"] > 0


def test_cached_tokens_beyond_the_input_were_never_in_it():
    """A cached count above the input's is not subtracted: no negative tokens."""
    for details in ({"cached_tokens": 50}, {"cached_tokens": 3, "cache_write_tokens": 4}):
        usage = {"input_tokens": 5, "output_tokens": 1, "input_tokens_details": details}
        events, _ = replay(*sse({"type": "response.completed", "response": {"usage": usage}}))
        assert message(events)[2]["input_tokens"] == 5


@pytest.mark.parametrize("name", ["text", "tools_parallel", "reasoning_then_text"])
def test_each_piece_is_told_as_it_comes(name):
    """Every piece of text, thinking and arguments of the open item is a delta at once, not at the end of its item."""
    translator, decoder = ResponsesTranslator(request(SHOWN), TARGET), SseDecoder()
    for event in decoder.feed(recording(name)):
        deltas = [made for made in translator.feed(event) if made.type == "content_block_delta"]
        assert bool(deltas) or not event.name.endswith(".delta")


def test_a_shortened_tool_name_comes_back_as_the_client_knows_it():
    """The client sees its own tool name, whatever was sent upstream, and the model it asked for."""
    long = "mcp__" + "a_server_with_a_long_name" * 3 + "__tool"
    body = {"tools": [{"name": long, "input_schema": {"type": "object"}}]}
    sent = NameMap.of(request(body)).sent(long)
    events, _ = replay(*sse(done("function_call", **call(name=sent)), completed()), body=body)
    assert message(events)[1] == [("c0", long, "{}")]
    assert json.loads(events[0])["message"]["model"] == "claude-x"


def test_a_call_without_an_id_gets_one_the_same_every_time():
    """A missing call id is made up from the answer, not from chance, and differs from call to call."""
    parts = sse(*(done("function_call", **call(n, call_id=None)) for n in range(2)), completed())
    first, second = (message(replay(*parts)[0])[1] for _ in range(2))
    assert first == second
    assert first[0][0].startswith("toolu_0_")
    assert first[1][0].startswith("toolu_1_")


def test_a_message_id_comes_from_the_response_and_the_request():
    """Two answers to one request, and one answer to two, have different ids of the usual form."""
    answers = [replay(*sse(completed(id=own)), body=body) for own in "ab" for body in ({}, {"max_tokens": 9})]
    ids = {json.loads(events[0])["message"]["id"] for events, _ in answers}
    assert len(ids) == 4
    assert all(own.startswith("msg_") for own in ids)


def test_three_interleaved_calls_arrive_whole():
    """Round-robin arguments of three calls end in three whole calls, the first of them live."""
    parts = [added("function_call", n, call_id=f"c{n}", name=f"T{n}", id=f"f{n}", arguments="") for n in range(3)]
    for piece in ('{"a"', ":", "1}"):
        told = {"type": "response.function_call_arguments.delta", "delta": piece}
        parts += [{**told, "output_index": n} for n in range(3)]
    events, failed = replay(*sse(*parts, completed()))
    assert failed is None
    assert message(events)[1] == [(f"c{n}", f"T{n}", '{"a":1}') for n in range(3)]


def test_items_of_one_kind_in_a_row_are_blocks_of_their_own():
    """Two messages, and two thoughts without signatures, do not flow into one another."""
    text = [{"type": "output_text", "text": "x"}]
    thought = [{"type": "summary_text", "text": "y"}]
    parts = [done("message", n, content=text) for n in range(2)]
    parts += [done("reasoning", n, summary=thought) for n in range(2, 4)]
    expected = [("text", "x")] * 2 + [("thinking", "y", None)] * 2
    assert message(replay(*sse(*parts, completed()))[0])[1] == expected


def test_a_completed_event_that_tells_of_truncation_is_believed():
    """A server that calls every end completed is read by the status inside."""
    details = {"incomplete_details": {"reason": "max_output_tokens"}}
    events, _ = replay(*sse(completed("incomplete", **details)))
    assert message(events)[0] == "max_tokens"
    _, failed = replay(*sse(completed("failed", error={"code": "server_error", "message": "no"})))
    assert failed.kind is FailureKind.OVERLOADED


def test_an_incomplete_response_says_why():
    """An error inside is a failure; a response that was steered away from ended in good order."""
    error = {"code": "server_error", "message": "no"}
    assert replay(*sse(completed("incomplete", error=error)))[1].kind is FailureKind.OVERLOADED
    steered = completed("incomplete", incomplete_details={"reason": "steered"})
    assert message(replay(*sse(steered))[0])[0] == "end_turn"


def test_a_refusal_told_as_a_whole_is_one():
    """Without pieces and without an item that ends, a refusal still is no ordinary answer."""
    refusal = {"type": "response.refusal.done", "output_index": 0, "refusal": "No."}
    assert message(replay(*sse(refusal, completed()))[0])[:2] == ("refusal", [("text", "No.")])


def test_a_whole_call_does_not_mend_a_broken_one():
    """One call whose arguments are no object spoils the answer, whatever follows it."""
    calls = [call(0, arguments="{"), call(1)]
    _, failed = replay(*sse(*(done("function_call", **fields) for fields in calls), completed()))
    assert failed.kind is FailureKind.GARBLED


def test_reasoning_nobody_asked_for_is_told_once():
    """Of two calls after one thought only the first is preceded by its signature."""
    thought = done("reasoning", 0, id="r", encrypted_content="blob")
    calls = [done("function_call", **call(n)) for n in (1, 2)]
    blocks = message(replay(*sse(thought, *calls, completed()), body={})[0])[1]
    assert blocks == [("thinking", "", ("r", "blob")), ("c1", "T", "{}"), ("c2", "T", "{}")]


@pytest.mark.parametrize(
    "part",
    [
        completed("cancelled"), {"type": "response.cancelled", "response": {}},
        done("function_call", **call(arguments='{"a":"\ud800"}')), done("function_call", **call(arguments="[]")),
        done("function_call", **call(name="")), done("custom_tool_call", input="x"),
    ],
)  # fmt: skip
def test_what_is_no_whole_answer_is_garbled(part):
    """A cancelled response and a call without a name or with arguments that are no object are no answers."""
    _, failed = replay(*sse(part, completed()))
    assert failed is not None
    assert failed.kind is FailureKind.GARBLED


@pytest.mark.parametrize(
    "part",
    [
        {"error": {"message": "slow", "code": "rate_limit_exceeded"}}, {"type": "error", "code": "rate_limit_exceeded"},
        {"type": "error", "error": {"code": "rate_limit_exceeded"}}, {"type": "response.error", "code": "slow_down"},
    ],
)  # fmt: skip
def test_an_error_is_found_wherever_it_is_told(part):
    """An error event with its words inside or beside, and a bare error object, end in a failure."""
    _, failed = replay(*sse(part))
    assert failed.kind in (FailureKind.RATE_LIMITED, FailureKind.OVERLOADED)


@pytest.mark.parametrize("text", [b"nonsense", b"[]", b"1", b'"x"', b"<html>", b'{"id":', b"null"])
def test_an_event_that_is_no_object_is_garbled(text):
    """What is no JSON object in the stream is a garbled answer."""
    _, failed = replay(b"data: " + text + b"\n\n")
    assert failed.kind is FailureKind.GARBLED


@pytest.mark.parametrize("part", [{}, {"type": "codex.rate_limits"}, {"type": "response.new_thing", "x": 1}])
def test_unknown_events_say_nothing(part):
    """Events of tomorrow, or of other servers, neither end nor change the answer."""
    assert message(replay(*sse(part), recording("text"))[0])[:2] == WHOLE["text"]


def test_an_end_without_a_beginning_is_garbled():
    """[DONE] alone, or nothing, is no answer."""
    assert replay(b"data: [DONE]\n\n")[1].kind is FailureKind.GARBLED
    assert replay()[1].kind is FailureKind.GARBLED


def test_nothing_follows_the_end():
    """After the response is completed the translator says nothing more."""
    whole, _ = replay(recording("text"))
    assert replay(recording("text"), recording("text"), b"data: rubbish\n\n")[0] == whole


def some(**members):
    return st.fixed_dictionaries({}, optional={key: values | json_values for key, values in members.items()})


texts = st.sampled_from(["", "a", "{}", '{"a":', "1}", "[]", "\ud800"])
ids = st.sampled_from(["a", "b", ""])
indexes = st.integers(0, 2)
citations = st.lists(some(type=st.just("url_citation"), url=ids, title=texts), max_size=2)
part_kinds = st.sampled_from(["output_text", "refusal", "summary_text"])
part_objects = some(type=part_kinds, text=texts, refusal=texts, annotations=citations)
kinds = st.sampled_from(["message", "reasoning", "function_call", "custom_tool_call", "web_search_call", "other"])
items = some(
    type=kinds, id=ids, call_id=ids, name=st.sampled_from(["T", ""]), arguments=texts, input=texts,
    content=st.lists(part_objects | json_values, max_size=2), summary=st.lists(part_objects, max_size=2),
    encrypted_content=st.sampled_from(["blob", ""]), status=st.sampled_from(["completed", "failed"]),
    action=some(type=st.sampled_from(["search", "open_page"]), query=texts, queries=st.lists(texts, max_size=2),
                sources=st.lists(some(url=ids), max_size=2)),
)  # fmt: skip
pieces = [
    f"response.{name}.{end}"
    for name in ("output_text", "refusal", "reasoning_summary_text", "reasoning_text", "function_call_arguments",
                 "custom_tool_call_input", "output_item")
    for end in ("added", "delta", "done")
]  # fmt: skip
events = some(
    type=st.sampled_from([*pieces, *pieces, "response.created", "response.output_text.annotation.added"]), item=items,
    output_index=indexes, item_id=ids, content_index=indexes, summary_index=indexes, delta=texts, text=texts,
    arguments=texts, input=texts, refusal=texts, annotation=part_objects,
)  # fmt: skip
ends = some(
    status=st.sampled_from(["completed", "incomplete"]), output=st.lists(items | json_values, max_size=3),
    incomplete_details=some(reason=st.sampled_from(["max_output_tokens", "content_filter"])),
    usage=st.dictionaries(st.sampled_from(["input_tokens", "output_tokens", "input_tokens_details"]), json_values),
)  # fmt: skip


@given(
    st.lists(events | json_values, max_size=8), ends | json_values,
    st.sampled_from(["response.completed", "response.incomplete", "response.failed"]),
    st.sampled_from([{}, SHOWN, OMITTED]),
)  # fmt: skip
@settings(max_examples=400, deadline=None)
def test_no_events_make_an_illegal_stream(parts, response, end, body):
    """Whatever events arrive, what comes out is legal and the only exception is a failure of the upstream."""
    found, failed = replay(*sse(*parts, {"type": end, "response": response}), body=body)
    assert failed is not None or json.loads(found[-1])["type"] == "message_stop"


@given(st.binary(max_size=60))
def test_no_bytes_make_anything_but_a_failure(data):
    """Random bytes as an event's data are a failure of the upstream, or nothing."""
    translator = ResponsesTranslator(request(), TARGET)
    with suppress(UpstreamFailure):
        assert not translator.feed(ServerSentEvent("", data, data))
