"""Whole Gemini answers as Messages replies, and the answers of the token counter."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.gemini.counting import counted
from providers.outbound.gemini.response import read_reply
from providers.wire.messages import Usage
from tests.cast import request
from tests.providers.outbound.gemini_answers import TARGET, asking, call, candidate, frames, short, told
from tests.providers.outbound.odd_bodies import json_values

SIG = "EqQBCqEB+sig/one=="
USAGE = {"promptTokenCount": 20, "candidatesTokenCount": 7, "thoughtsTokenCount": 3, "cachedContentTokenCount": 8}
HM = {"text": "hm", "thought": True}
READ = ("fc_a", "Read", '{"path":"a"}')


def read(body, messages=None):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_reply(raw, messages or asking(), TARGET)


def reply(body, messages=None):
    found = read(body, messages)
    message = json.loads(found.body)
    assert message["stop_reason"] == found.stop_reason
    assert message["usage"] == found.usage.as_payload()
    assert found.has_content == bool(message["content"])
    return found.stop_reason, [short(block) for block in message["content"]]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (candidate({"text": "a"}, {"text": "b"}, finish="STOP"), ("end_turn", [("text", "ab")])),
        (candidate(HM, {"text": "x"}, finish="STOP"), ("end_turn", [("thinking", "hm", ""), ("text", "x")])),
        (candidate(HM, call(id="fc_a", signature=SIG), finish="STOP"), ("tool_use", [("thinking", "hm", SIG), READ])),
        (candidate(call(id="fc_a"), call(id="fc_b", args={}), finish="STOP"),
         ("tool_use", [READ, ("fc_b", "Read", "{}")])),
        (candidate({"text": "x", "thoughtSignature": SIG}, finish="STOP"),
         ("end_turn", [("thinking", "", SIG), ("text", "x")])),
        (candidate(call(id="fc_a", args="oops"), finish="STOP"),
         ("tool_use", [("fc_a", "Read", '{"INVALID_JSON":"oops"}')])),
        (candidate({"text": "cut"}, finish="MAX_TOKENS"), ("max_tokens", [("text", "cut")])),
        (candidate(finish="SAFETY"), ("refusal", [])),
        (candidate(finish="STOP"), ("end_turn", [])),
        ({"promptFeedback": {"blockReason": "OTHER"}},
         ("refusal", [("text", "The upstream refused the prompt: OTHER.")])),
        ({"response": candidate({"text": "x"}, finish="STOP"), "traceId": "t"}, ("end_turn", [("text", "x")])),
        ([candidate({"text": "x"}), candidate({"text": "y"}, finish="STOP")], ("end_turn", [("text", "xy")])),
    ],
)  # fmt: skip
def test_an_answer_becomes_a_reply(body, expected):
    """Thoughts, text and calls in Gemini's order, inputs always objects; wrapped or in an array as well."""
    assert reply(body) == expected
    chunks = body if isinstance(body, list) else [body]
    assert told(frames(*chunks)) == expected


def test_the_reply_bears_the_clients_model_and_the_upstreams_usage():
    """The model is the one asked for; cache and thoughts are counted apart; without a usage there is an estimate."""
    found = read(candidate({"text": "x"}, finish="STOP") | {"usageMetadata": USAGE})
    assert json.loads(found.body)["model"] == "claude-x"
    assert json.loads(found.body)["id"].startswith("msg_")
    assert found.usage == Usage(input=12, output=10, cache_read=8, thinking=3)
    for missing in (None, {}, {"promptTokenCount": "20"}, "none"):
        assert read(candidate({"text": "some"}, finish="STOP") | {"usageMetadata": missing}).usage.output > 0


def test_cached_tokens_beyond_the_prompt_were_never_in_it():
    """A cached count above the prompt's is not subtracted: no negative tokens."""
    usage = {"promptTokenCount": 5, "toolUsePromptTokenCount": 2, "cachedContentTokenCount": 50}
    assert read(candidate(finish="STOP") | {"usageMetadata": usage}).usage.input == 7


def test_searches_stand_before_the_text_and_are_counted():
    """Where all is known at once, the web search blocks come first."""
    grounded = {"webSearchQueries": ["a", "b"], "groundingChunks": [{"web": {"uri": "https://x", "title": "X"}}]}
    body = candidate({"text": "x"}, finish="STOP", groundingMetadata=grounded)
    assert [block[0] for block in reply(body)[1]] == ["server_tool_use", "web_search_tool_result", "text"]
    assert read(body).usage.searches == 2


def test_who_did_not_ask_for_thinking_gets_a_calls_signature_only():
    """Thoughts stay hidden; the signature of a call goes out in an empty thinking block."""
    body = candidate(HM, {"text": "x", "thoughtSignature": "b3RoZXI="}, call(id="fc_a", signature=SIG), finish="STOP")
    assert reply(body, request()) == ("tool_use", [("text", "x"), ("thinking", "", SIG), READ])


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "garbled"), (b"<html>", "garbled"), (b"[]", "garbled"), (b"{}", "garbled"), (b"[1]", "garbled"),
        (b'{"candidates":[]}', "garbled"), (b'{"candidates":{"0":1}}', "garbled"), (b'{"response":5}', "garbled"),
        (b'{"candidates":[{"content":{"parts":[{"text":"x"}]}}]}', "garbled"),
        (b'{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}', "miscalled"),
        (b'{"error":{"message":"slow","code":429}}', "rate_limited"), (b'{"error":"bad"}', "garbled"),
        (b'[{"error":{"message":"slow","status":"UNAVAILABLE"}}]', "overloaded"),
        (b'{"response":{"error":{"status":"NOT_FOUND"}}}', "no_such_model"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_a_failure(body, kind):
    """A 200 that holds no finished answer is a failure of the kind it tells of."""
    with pytest.raises(UpstreamFailure) as caught:
        read(body)
    assert caught.value.failure.kind is FailureKind(kind)


parts = st.dictionaries(
    st.sampled_from(["text", "thought", "thoughtSignature", "functionCall", "inlineData"]),
    json_values | st.fixed_dictionaries({"name": st.just("T") | json_values, "args": json_values}),
)


@given(st.lists(parts | json_values, max_size=3) | json_values, st.just("STOP") | json_values, json_values)
@settings(deadline=None)
def test_no_answer_breaks_the_reading(some, finish, usage):
    """Any shape of an answer is a reply or a failure of the upstream."""
    body = {"candidates": [{"content": {"parts": some}, "finishReason": finish}], "usageMetadata": usage}
    try:
        found = read(body)
    except UpstreamFailure:
        return
    content = json.loads(found.body)["content"]
    assert all(isinstance(block["input"], dict) for block in content if block["type"] == "tool_use")


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (b'{"totalTokens":31}', 31), (b'{"totalTokens":0}', 0), (b'{"response":{"totalTokens":31}}', 31),
        (b'{"totalTokens":"31"}', None), (b'{"totalTokens":true}', None), (b'{"totalTokens":-1}', None),
        (b"{}", None), (b"[]", None), (b"<html>", None), (b'{"response":5}', None), (b"", None),
    ],
)  # fmt: skip
def test_the_counters_number(body, tokens):
    """The total is read, wrapped or not; anything else is no count."""
    assert counted(body) == tokens
