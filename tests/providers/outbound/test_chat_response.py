"""Whole chat completions as Messages replies."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.openai_chat import OPENAI_CHAT
from providers.wire.signatures import tag
from tests.cast import request, target
from tests.providers.outbound.odd_bodies import json_values

USAGE = {"prompt_tokens": 20, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 8}}


def read(body, messages=None):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = messages or request({"thinking": {"type": "adaptive"}})
    return OPENAI_CHAT.reply(raw, asked, target(preset="openai-compatible"))


def completion(finish="stop", usage=USAGE, **message):
    return {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}


def call(arguments, name="Read", id_="call_a"):
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def told(body):
    reply = read(body)
    message = json.loads(reply.body)
    assert message["stop_reason"] == reply.stop_reason
    assert message["usage"] == reply.usage.as_payload()
    assert reply.has_content == bool(message["content"])
    return reply.stop_reason, message["content"]


def text(words):
    return {"type": "text", "text": words}


DETAILS = [{"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0}]


def thought(words, payload=None):
    signature = tag(target(preset="openai-compatible").origin, payload)
    return {"type": "thinking", "thinking": words, "signature": signature}


def use(input_):
    return {"type": "tool_use", "id": "call_a", "name": "Read", "input": input_}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (completion(content="Hello"), ("end_turn", [text("Hello")])),
        (completion(content=[text("a"), text("b")]), ("end_turn", [text("ab")])),
        (completion(content="Hi", reasoning_content="hm"),
         ("end_turn", [thought("hm"), text("Hi")])),
        (completion(content=[{"type": "thinking", "thinking": [text("h"), text("m")]}, text("Hi")]),
         ("end_turn", [thought("hm"), text("Hi")])),
        (completion(content=[{"type": "thinking", "thinking": "hm"}, {"type": "thinking"}]),
         ("end_turn", [thought("hm")])),
        (completion(content="Hi", reasoning_details=DETAILS), ("end_turn", [thought("hm", DETAILS), text("Hi")])),
        ({"choices": [{"message": {"content": "a"}, "finish_reason": "stop", "matched_stop": "END"}]},
         ("stop_sequence", [text("a")])),
        (completion("tool_calls", content=None, tool_calls=[call('{"a":1}')]), ("tool_use", [use({"a": 1})])),
        (completion("stop", content="x", tool_calls=[call("")]), ("tool_use", [text("x"), use({})])),
        (completion("tool_calls", tool_calls=[call({"a": 1})]), ("tool_use", [use({"a": 1})])),
        (completion("tool_calls", tool_calls=[call("oops")]), ("tool_use", [use({"INVALID_JSON": "oops"})])),
        (completion("length", tool_calls=[call('{"a":"lo')]), ("max_tokens", [use({})])),
        (completion("length", content="cut"), ("max_tokens", [text("cut")])),
        (completion("model_length", content="cut"), ("model_context_window_exceeded", [text("cut")])),
        (completion("model_length", tool_calls=[call('{"a":"lo')]), ("model_context_window_exceeded", [use({})])),
        (completion("content_filter", content=""), ("refusal", [])),
        (completion("sensitive", content="x"), ("refusal", [text("x")])),
        (completion(content=None, refusal="No."), ("refusal", [text("No.")])),
        (completion(["odd"], content="x"), ("end_turn", [text("x")])),
        (completion(None, content="x", reasoning_details=5), ("end_turn", [text("x")])),
    ],
)  # fmt: skip
def test_a_completion_becomes_a_reply(body, expected):
    """Thinking, text and tools in this order; inputs are always objects; truncation beats tools, tools the rest."""
    assert told(body) == expected


def test_the_reply_bears_the_clients_model_and_the_upstreams_usage():
    """The model is the one asked for; cached tokens are counted apart; without a usage there is an estimate."""
    reply = read(completion(content="x"))
    assert json.loads(reply.body)["model"] == "claude-x"
    assert (reply.usage.input, reply.usage.cache_read, reply.usage.output) == (12, 8, 7)
    for missing in (None, {}, {"prompt_tokens": "20"}, "none"):
        assert read(completion(content="some words", usage=missing)).usage.output > 0


@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 50}}]
)
def test_cached_tokens_beyond_the_prompt_were_never_in_it(usage):
    """A cached count above the prompt's is not subtracted: no negative tokens."""
    assert read(completion(content="x", usage=usage)).usage.input == 5


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "garbled"), (b"<html>", "garbled"), (b"[]", "garbled"), (b"{}", "garbled"),
        (b'{"choices":[]}', "garbled"),
        (b'{"choices":[{"message":"x"}]}', "garbled"), (b'{"choices":{"0":1}}', "garbled"),
        (b'{"error":{"message":"slow","code":429}}', "rate_limited"), (b'{"error":"bad"}', "garbled"),
        (completion("insufficient_system_resource", content="cut"), "overloaded"),
        (completion("network_error", content="cut"), "overloaded"), (completion("error", content="cut"), "garbled"),
    ],
)  # fmt: skip
def test_what_is_no_completion_is_a_failure(body, kind):
    """A 200 that holds no completion is a failure of the kind it tells of."""
    with pytest.raises(UpstreamFailure) as caught:
        read(body)
    assert caught.value.failure.kind is FailureKind(kind)


messages = st.fixed_dictionaries({}, optional=dict.fromkeys(
    ("content", "reasoning", "reasoning_details", "refusal"), json_values) | {
    "tool_calls": st.lists(st.fixed_dictionaries({"function": st.fixed_dictionaries(
        {"name": st.just("T") | json_values}, optional={"arguments": json_values}) | json_values},
        optional={"id": json_values}) | json_values, max_size=2) | json_values})  # fmt: skip


@given(messages | json_values, json_values, json_values)
@settings(deadline=None)
def test_no_completion_breaks_the_reading(message, finish, usage):
    """Any shape of a completion is a reply or a failure of the upstream."""
    body = {"choices": [{"message": message, "finish_reason": finish}], "usage": usage}
    try:
        reply = read(body)
    except UpstreamFailure:
        return
    assert all(isinstance(b["input"], dict) for b in json.loads(reply.body)["content"] if b["type"] == "tool_use")
