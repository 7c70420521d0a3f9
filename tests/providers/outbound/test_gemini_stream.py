"""Streamed Gemini answers: recordings become one legal Messages stream, however they are cut."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.gemini.stream import GeminiTranslator
from providers.outbound.names import LEADING_LETTER, NameMap
from providers.wire.sse import ServerSentEvent
from tests.cast import request
from tests.providers.outbound.gemini_answers import TARGET, asking, call, candidate, fed, frames, message, told
from tests.providers.outbound.odd_bodies import json_values

RECORDINGS = Path(__file__).parents[2] / "recordings" / "gemini"
NAMES = sorted(path.stem for path in RECORDINGS.glob("*.sse"))
SIG, SIG2 = "EqQBCqEB+sig/one==", "CiQB+sig/two="
LONG = "9_" + "a_server_with_a_long_name" * 3 + "__tool"


def recording(name):
    return (RECORDINGS / f"{name}.sse").read_bytes()


def replay(*pieces, messages=None):
    """Every event of a stream and the failure that ended it, if any."""
    translator, events = GeminiTranslator(messages or asking(), TARGET), []
    try:
        fed(translator, pieces, events)
    except UpstreamFailure as error:
        assert not translator.ended
        return events, error.failure
    assert translator.ended
    return events, None


def usage(name, messages=None):
    return json.loads(replay(recording(name), messages=messages)[0][-2])["usage"]


READ, GREP = ("fc_a", "Read", '{"path":"a"}'), ("fc_b", "Grep", '{"q":"x"}')
REFUSED = "The upstream refused the prompt: PROHIBITED_CONTENT."
COMPUTED = "Let me compute.\n```python\nprint(1+1)\n```\n\n```\n2\n```\nIt is 2."


def thought(words, signature=""):
    return ("thinking", words, signature)


WHOLE = {
    "text": ("end_turn", [("text", "Hello, Wörld 😀")]),
    "text_no_usage": ("end_turn", [("text", "Hello")]),
    "thoughts_then_text": ("end_turn", [thought("Let me think."), ("text", "Done. Bye.")]),
    "thoughts_then_call": ("tool_use", [thought("I should read.", SIG), READ]),
    "calls_parallel": ("tool_use", [("text", "Reading."), thought("", SIG), READ, GREP]),
    "calls_in_steps": ("tool_use", [thought("", SIG), READ, thought("And now.", SIG2), GREP]),
    "call_no_arguments": ("tool_use", [("fc_a", "List", "{}")]),
    "signed_text": ("end_turn", [thought("", SIG), ("text", "Hello!")]),
    "signed_text_after_thoughts": ("end_turn", [thought("Hm.", SIG), ("text", "Hello")]),
    "signed_at_the_end": ("end_turn", [("text", "Hello")]),
    "safety": ("refusal", [("text", "I")]),
    "prompt_blocked": ("refusal", [("text", REFUSED)]),
    "max_tokens": ("max_tokens", [thought("Long"), ("text", "It was")]),
    "code_execution": ("end_turn", [("text", COMPUTED)]),
    "other_candidate": ("end_turn", [("text", "Hello")]),
    "crlf_comments": ("end_turn", [("text", "Hello")]),
}
BROKEN = {
    "malformed_call": FailureKind.MISCALLED,
    "no_candidates": FailureKind.GARBLED,
    "cut_before_finish": FailureKind.GARBLED,
    "error_midstream": FailureKind.OVERLOADED,
    "error_array_midstream": FailureKind.RATE_LIMITED,
}


def test_every_recording_is_expected_somewhere():
    """No recording lies about unused."""
    assert {*NAMES} == {*WHOLE, *BROKEN, "call_no_id", "code_assist", "google_search"}


@pytest.mark.parametrize("name", WHOLE)
def test_a_recording_becomes_the_message_it_tells(name):
    """Text, thoughts, signatures and calls arrive whole and in order, with the stop reason that fits them."""
    assert told([recording(name)]) == WHOLE[name]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_recording_is_a_failure_not_an_answer(name):
    """An error inside the stream, a malformed call and a cut end in a failure of the right kind, never in a stop."""
    events, failed = replay(recording(name))
    assert failed is not None
    assert failed.kind is BROKEN[name]
    assert b"message_stop" not in b"".join(events)


def test_a_failure_says_what_the_upstream_said():
    """A finish reason that is a failure is named with Gemini's words; an error in the stream keeps its wait."""
    assert "MALFORMED_FUNCTION_CALL: Malformed function call" in replay(recording("malformed_call"))[1].message
    assert not replay(recording("malformed_call"))[0]
    assert replay(recording("error_array_midstream"))[1].retry_after_s == 34.07


@pytest.mark.parametrize("name", NAMES)
def test_the_cuts_of_the_bytes_change_nothing(name):
    """Whole, byte by byte and cut in two at every position, a recording makes the same events."""
    text = recording(name)
    expected = replay(text)
    assert replay(*(text[at : at + 1] for at in range(len(text)))) == expected
    for at in range(1, len(text)):
        assert replay(text[:at], text[at:]) == expected


@pytest.mark.parametrize("name", sorted({*WHOLE} - {"prompt_blocked"}))
def test_a_truncated_recording_is_no_answer_before_its_finish_reason(name):
    """A stream that stops early fails, unless the finish reason has been seen."""
    parts = [part + b"\n\n" for part in recording(name).replace(b"\r\n", b"\n").split(b"\n\n") if part]
    finished = next(at for at, part in enumerate(parts) if b'"finishReason":"' in part)
    for count in range(len(parts)):
        _, failed = replay(*parts[:count])
        assert (failed is None) == (count > finished)
        assert failed is None or failed.kind is FailureKind.GARBLED


def test_usage_is_the_upstreams_with_cache_and_thoughts_apart():
    """Cached tokens leave the input, thoughts and tool results join in; without a usage there is an estimate."""
    assert usage("text") == {
        "input_tokens": 12, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 8, "output_tokens": 7,
    }  # fmt: skip
    assert usage("thoughts_then_text") == {
        "input_tokens": 20, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 37,
        "output_tokens_details": {"thinking_tokens": 30},
    }  # fmt: skip
    assert usage("google_search")["input_tokens"] == 112
    assert usage("text_no_usage")["input_tokens"] > 0
    assert usage("text_no_usage")["output_tokens"] > 0


def test_a_usage_that_counts_nothing_hides_none_that_does():
    """Vertex sends chunks whose usage names only the kind of traffic."""
    last = candidate(finish="STOP") | {"usageMetadata": {"trafficType": "ON_DEMAND"}}
    events, _ = replay(*frames(candidate({"text": "x"}) | {"usageMetadata": {"promptTokenCount": 9}}, last))
    assert json.loads(events[-2])["usage"]["input_tokens"] == 9


def test_a_call_without_an_id_gets_one_the_same_every_time():
    """A missing tool id is made up from the answer and the request, not from chance."""
    first, second = (told([recording("call_no_id")])[1] for _ in range(2))
    assert first == second
    assert first[1][0].startswith("toolu_0_")
    later = told([recording("call_no_id")], asking({"messages": [{"role": "user", "content": "more"}]}))[1]
    assert later[1][0] != first[1][0]


def test_an_id_is_legal_and_used_once():
    """A repeated id is replaced, one with letters the client refuses is hashed."""
    parts = (call(id="a"), call(id="a"), call(id="b/c"))
    ids = [block[0] for block in told(frames(candidate(*parts, finish="STOP")))[1]]
    assert ids[0] == "a"
    assert ids[1].startswith("toolu_1_")
    assert ids[2].startswith("call_")


def test_code_assist_wraps_the_same_answer():
    """What is inside `response` reads as if it were alone."""
    stop, content = told([recording("code_assist")])
    assert (stop, content[0]) == ("tool_use", thought("Hm.", SIG))
    assert content[1][1:] == READ[1:]
    error = {"response": {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}}
    assert replay(*frames(error))[1].kind is FailureKind.RATE_LIMITED


def test_a_search_becomes_web_search_blocks():
    """Queries and pages follow the text that streamed already, and the searches are counted."""
    stop, content = told([recording("google_search")])
    assert (stop, content[0]) == ("end_turn", ("text", "Until 2028."))
    used, found = content[1][1], content[2][1]
    assert (used["type"], used["name"]) == ("server_tool_use", "web_search")
    assert used["input"] == {"query": "django lts, django 5.2 end"}
    assert found["type"] == "web_search_tool_result"
    assert found["tool_use_id"] == used["id"]
    assert used["id"].startswith("srvtoolu_")
    assert [(page["url"], page["title"]) for page in found["content"]] == [
        ("https://example.org/a", "example.org"), ("https://example.com/b", "example.com"),
    ]  # fmt: skip
    assert all(page["type"] == "web_search_result" and page["encrypted_content"] for page in found["content"])
    assert usage("google_search")["server_tool_use"]["web_search_requests"] == 2


def test_what_a_search_tells_twice_is_told_once():
    """Grounding of several chunks is joined; none and odd ones make no block."""
    grounded = {"groundingMetadata": {"webSearchQueries": ["a"], "groundingChunks": [{"web": {"uri": "u"}}]}}
    twice = frames(candidate({"text": "x"}, **grounded), candidate({"text": "y"}, finish="STOP", **grounded))
    _, content = told(twice)
    assert [block[0] for block in content] == ["text", "server_tool_use", "web_search_tool_result"]
    assert content[2][1]["content"][0]["title"] == "u"
    for odd in (None, {}, {"webSearchQueries": 5, "groundingChunks": [{"web": 1}, {"retrievedContext": {}}, 7]}):
        _, content = told(frames(candidate({"text": "x"}, finish="STOP", groundingMetadata=odd)))
        assert content == [("text", "x")]


def test_a_search_known_in_time_stands_before_the_text():
    """When the first text comes with the whole grounding, the search comes first, as Anthropic does it."""
    grounded = {"groundingMetadata": {"webSearchQueries": ["a"]}}
    _, content = told(frames(candidate({"text": "x"}, finish="STOP", **grounded)))
    assert [block[0] for block in content] == ["server_tool_use", "web_search_tool_result", "text"]


def test_who_did_not_ask_sees_no_thoughts_but_gets_the_calls_signatures():
    """Without `thinking` in the request only a function call's signature goes out, in an empty block."""
    for body in ({}, {"thinking": {"type": "disabled"}}):
        silent = request(body)
        assert told([recording("thoughts_then_text")], silent)[1] == [("text", "Done. Bye.")]
        assert told([recording("thoughts_then_call")], silent)[1] == [thought("", SIG), READ]
        assert told([recording("calls_in_steps")], silent)[1] == [thought("", SIG), READ, thought("", SIG2), GREP]
        for name in ("signed_text", "signed_at_the_end", "signed_text_after_thoughts"):
            assert [block[0] for block in told([recording(name)], silent)[1]] == ["text"]


def test_omitted_thinking_is_signed_and_empty():
    """A client that wants thinking without its words gets the signatures alone."""
    omitted = request({"thinking": {"type": "adaptive", "display": "omitted"}})
    assert told([recording("thoughts_then_call")], omitted)[1] == [thought("", SIG), READ]
    assert told([recording("signed_text_after_thoughts")], omitted)[1] == [thought("", SIG), ("text", "Hello")]


def test_a_signature_amid_a_text_is_let_go():
    """A text is one block, and the last one a client sees: nobody insists on a signature that comes amid it."""
    parts = [{"text": "a"}, {"text": "b", "thoughtSignature": SIG}, {"text": "c"}]
    _, content = told(frames(*(candidate(part) for part in parts), candidate(finish="STOP")))
    assert content == [("text", "abc")]


def test_a_signature_of_nothing_after_a_call_is_dropped():
    """An empty signed part after a call signs neither text nor call."""
    _, content = told(frames(candidate(call(id="fc_a"), {"text": "", "thoughtSignature": SIG}, finish="STOP")))
    assert content == [READ]


def test_a_thought_may_be_signed_itself():
    """A signature on a thought ends its block."""
    parts = [{"text": "hm", "thought": True, "thoughtSignature": SIG}, {"text": "x"}]
    assert told(frames(candidate(*parts, finish="STOP")))[1] == [thought("hm", SIG), ("text", "x")]


def test_one_call_is_kept_when_parallel_calls_are_not_wanted():
    """Gemini has no switch for it: the calls after the first are left out, with their signatures."""
    body = {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    assert told([recording("calls_parallel")], asking(body))[1][1:] == [thought("", SIG), READ]
    assert told([recording("calls_in_steps")], request(body)) == ("tool_use", [thought("", SIG), READ])


def test_a_mapped_tool_name_comes_back_as_the_client_knows_it():
    """The client sees its own tool name, whatever was sent upstream, and the model it asked for."""
    messages = asking({"tools": [{"name": LONG, "input_schema": {"type": "object"}}]})
    sent = NameMap.of(messages, LEADING_LETTER).sent(LONG)
    assert sent != LONG
    events, _ = replay(*frames(candidate(call(sent, id="c1"), finish="STOP")), messages=messages)
    assert message(events)[1] == [("c1", LONG, '{"path":"a"}')]
    assert json.loads(events[0])["message"]["model"] == "claude-x"


@pytest.mark.parametrize(
    ("finish", "parts", "expected"),
    [
        ("STOP", [call()], "tool_use"), ("MAX_TOKENS", [call()], "max_tokens"), ("SAFETY", [call()], "refusal"),
        ("CONTINUATION", [{"text": "x"}], "max_tokens"), ("RECITATION", [], "refusal"), ("SPII", [], "refusal"),
        ("MODEL_ARMOR", [], "refusal"), ("IMAGE_SAFETY", [], "refusal"), ("LANGUAGE", [], "refusal"),
        ("SOMETHING_NEW", [{"text": "x"}], "end_turn"), ("SOMETHING_NEW", [call()], "tool_use"),
    ],
)  # fmt: skip
def test_a_finish_reason_is_a_stop_reason(finish, parts, expected):
    """Truncation and refusals beat calls, calls beat the rest."""
    assert told(frames(candidate(*parts, finish=finish)))[0] == expected


@pytest.mark.parametrize(
    ("finish", "kind"),
    [("MALFORMED_RESPONSE", "garbled"), ("UNEXPECTED_TOOL_CALL", "garbled"), ("TOO_MANY_TOOL_CALLS", "garbled"),
     ("MISSING_THOUGHT_SIGNATURE", "garbled"), ("OTHER", "garbled"), ("PUP_LIMITED_DISABLED", "refused_key"),
     ("FINISH_REASON_UNSPECIFIED", "garbled"), ("", "garbled"), (None, "garbled")],
)  # fmt: skip
def test_a_finish_reason_may_be_a_failure(finish, kind):
    """An answer that Gemini itself calls broken, or never finishes, is none."""
    assert replay(*frames(candidate({"text": "x"}, finishReason=finish)))[1].kind is FailureKind(kind)


def test_a_refused_prompt_says_why():
    """The reason's own words follow its name; with a finish reason in hand, feedback changes nothing."""
    feedback = {"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "Not this."}}
    assert told(frames(feedback)) == ("refusal", [("text", "The upstream refused the prompt: SAFETY. Not this.")])
    assert told(frames(candidate({"text": "x"}, finish="STOP"), feedback)) == ("end_turn", [("text", "x")])
    assert replay(*frames({"promptFeedback": {"safetyRatings": []}}))[1].kind is FailureKind.GARBLED


def test_a_file_in_the_answer_is_named():
    """An image cannot be shown in Messages; the client learns that there was one."""
    image = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    assert told(frames(candidate(image, finish="STOP")))[1] == [("text", "\n[image/png left out]\n")]


def test_a_call_without_a_name_is_garbled():
    """Nobody can run it; the empty end of streamed arguments is no call at all."""
    assert replay(*frames(candidate({"functionCall": {"args": {}}}, finish="STOP")))[1].kind is FailureKind.GARBLED
    assert told(frames(candidate({"functionCall": {}}, {"text": "x"}, finish="STOP")))[1] == [("text", "x")]


def test_an_error_by_name_is_an_error():
    """An event called error is one, whatever its data."""
    event = b'event: error\ndata: {"code":500,"status":"INTERNAL","message":"m"}\n\n'
    assert replay(event)[1].kind is FailureKind.OVERLOADED


@pytest.mark.parametrize("text", [b"nonsense", b"[]", b"[1]", b"1", b'"x"', b"<html>", b'{"id":', b"null"])
def test_an_event_that_is_no_object_is_garbled(text):
    """What is no JSON object in the stream is a garbled answer."""
    assert replay(b"data: " + text + b"\n\n")[1].kind is FailureKind.GARBLED


def test_an_end_without_a_beginning_is_garbled():
    """Nothing at all, and a relay's [DONE] alone, are no answer."""
    assert replay()[1].kind is FailureKind.GARBLED
    assert replay(b"data: [DONE]\n\n")[1].kind is FailureKind.GARBLED


def test_nothing_follows_the_end():
    """After its end the translator says nothing more."""
    translator = GeminiTranslator(request(), TARGET)
    fed(translator, [recording("text")], [])
    assert not translator.feed(ServerSentEvent("", b"rubbish", b""))
    assert not translator.finish()


text = st.text(max_size=4)
parts = st.fixed_dictionaries(
    {},
    optional={
        "text": text | json_values,
        "thought": st.booleans() | json_values,
        "thoughtSignature": st.sampled_from(["", "c2ln"]) | json_values,
        "functionCall": st.fixed_dictionaries(
            {"name": st.sampled_from(["T", "U"]) | json_values},
            optional={"args": st.dictionaries(text, json_values, max_size=2) | json_values, "id": text | json_values},
        )
        | json_values,
        "executableCode": st.fixed_dictionaries({"code": text | json_values}, optional={"language": json_values}),
        "codeExecutionResult": st.fixed_dictionaries({"output": text | json_values}) | json_values,
        "inlineData": st.fixed_dictionaries({"mimeType": text | json_values}) | json_values,
    },
)
finishes = st.sampled_from([None, None, "STOP", "MAX_TOKENS", "SAFETY"]) | json_values
contents = st.fixed_dictionaries({"parts": st.lists(parts | json_values, max_size=3) | json_values}) | json_values
grounding = st.fixed_dictionaries(
    {}, optional={"webSearchQueries": st.lists(text | json_values, max_size=2) | json_values,
                  "groundingChunks": st.lists(st.fixed_dictionaries({"web": st.fixed_dictionaries(
                      {"uri": text | json_values, "title": text | json_values}) | json_values}), max_size=2)},
)  # fmt: skip
candidates = st.fixed_dictionaries(
    {"content": contents},
    optional={"finishReason": finishes, "index": st.sampled_from([0, 1]) | json_values,
              "groundingMetadata": grounding | json_values},
)  # fmt: skip
counts = st.sampled_from(["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount"])
chunks = st.fixed_dictionaries(
    {"candidates": st.lists(candidates | json_values, max_size=2) | json_values},
    optional={
        "responseId": text | json_values,
        "usageMetadata": st.dictionaries(counts, json_values, max_size=3) | json_values,
        "promptFeedback": st.fixed_dictionaries({"blockReason": text | json_values}) | json_values,
        "error": st.none() | json_values,
    },
)
chunks = chunks | candidates.map(lambda one: {"candidates": [one]}) | chunks.map(lambda one: {"response": one})


@given(st.lists(chunks, max_size=6), st.booleans(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_no_chunks_make_an_illegal_stream(some, asks, done):
    """Whatever chunks arrive, the events are legal and the only exception is a failure of the upstream."""
    last = [candidate(finish="STOP")] if done else []
    events, failed = replay(*frames(*some, *last), messages=asking() if asks else request())
    assert failed is not None or json.loads(events[-1])["type"] == "message_stop"


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_no_bytes_make_anything_but_a_failure(data):
    """Random bytes as an event's data are a failure of the upstream, or nothing."""
    translator = GeminiTranslator(request(), TARGET)
    with suppress(UpstreamFailure):
        assert len(translator.feed(ServerSentEvent("", data, data))) <= 1
