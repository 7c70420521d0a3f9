"""Whole responses, as one object or as the text of a stream, as Messages replies."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.openai_responses.response import read_reply
from tests.cast import request
from tests.providers.outbound.odd_bodies import json_values
from tests.providers.outbound.responses_replay import (
    OMITTED,
    RECORDINGS,
    SHOWN,
    TARGET,
    message,
    recording,
    replay,
    told,
)

USAGE = {"input_tokens": 20, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 8}}
READ = {"type": "function_call", "id": "fc_1", "call_id": "call_a", "name": "Read", "arguments": '{"a":1}'}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}],
           "encrypted_content": "blob"}  # fmt: skip
LEGAL = [path.stem for path in sorted(RECORDINGS.glob("*.sse")) if replay(path.read_bytes())[1] is None]
SEARCHES = {"web_search_citations"}


def read(body, asked=SHOWN):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_reply(raw, request(asked), TARGET)


def response(*output, status="completed", usage=USAGE, **fields):
    return {
        "id": "r",
        "object": "response",
        "status": status,
        "error": None,
        "output": output,
        "usage": usage,
        **fields,
    }


def said(text="Hello", **fields):
    return {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": text, **fields}]}


def in_short(body, asked=SHOWN):
    reply = read(body, asked)
    whole = json.loads(reply.body)
    assert whole["stop_reason"] == reply.stop_reason
    assert whole["usage"] == reply.usage.as_payload()
    assert reply.has_content == bool(whole["content"])
    return reply.stop_reason, [told(block) for block in whole["content"]]


use = ("call_a", "Read", {"a": 1})
thought = ("thinking", "hm", ("rs_1", "blob"))
MAX = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (response(said()), ("end_turn", [("text", "Hello")])),
        (response(THOUGHT, said(), READ), ("tool_use", [thought, ("text", "Hello"), use])),
        (response({**READ, "arguments": {"a": 1}}), ("tool_use", [use])),
        (response({**READ, "arguments": ""}), ("tool_use", [("call_a", "Read", {})])),
        (response({**READ, "arguments": '{"a":"lo'}, **MAX), ("max_tokens", [("call_a", "Read", {})])),
        (response(READ, **MAX), ("max_tokens", [use])),
        (response(said("cut"), status="incomplete"), ("max_tokens", [("text", "cut")])),
        (response(status="incomplete", incomplete_details={"reason": "content_filter"}), ("refusal", [])),
        (response({"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}),
         ("refusal", [("text", "No.")])),
        (response({"type": "custom_tool_call", "call_id": "c", "name": "Patch", "input": "x"}),
         ("tool_use", [("c", "Patch", {"input": "x"})])),
        (response({"type": "image_generation_call", "result": "x"}, 5, said()), ("end_turn", [("text", "Hello")])),
        ({"output": [said()]}, ("end_turn", [("text", "Hello")])),
    ],
)  # fmt: skip
def test_a_response_becomes_a_reply(body, expected):
    """Items in their order; inputs are always objects; truncation beats tools, tools the rest."""
    assert in_short(body) == expected


def test_a_search_is_told_before_the_text_that_cites_it():
    """In a whole answer the citations are known from the start: call, results, then the text."""
    cited = [{"type": "url_citation", "url": "https://a.example", "title": "A"}]
    call = {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}
    _, content = in_short(response(call, said(annotations=cited)))
    assert content == [("searched", "q"), ("found", [("https://a.example", "A")]), ("text", "Hello")]


def test_thinking_is_told_as_the_client_asked_for_it():
    """Unasked thinking leaves no block beside a text; omitted thinking leaves its signature."""
    assert in_short(response(THOUGHT, said()), {})[1] == [("text", "Hello")]
    signed = ("thinking", "", ("rs_1", "blob"))
    assert in_short(response(THOUGHT, said()), OMITTED)[1] == [signed, ("text", "Hello")]
    assert in_short(response(THOUGHT, READ), {})[1] == [signed, use]


def test_the_reply_bears_the_clients_model_and_the_upstreams_usage():
    """The model is the one asked for; cached tokens are counted apart; without a usage there is an estimate."""
    reply = read(response(said()))
    assert json.loads(reply.body)["model"] == "claude-x"
    assert (reply.usage.input, reply.usage.cache_read, reply.usage.output) == (12, 8, 7)
    for missing in (None, {}, {"input_tokens": "20"}, "none"):
        assert read(response(said("some words"), usage=missing)).usage.output > 0


@pytest.mark.parametrize("name", LEGAL)
def test_a_stream_as_a_whole_body_is_read_as_the_stream(name):
    """What an upstream that only streams sends is the reply its events make, with or without space before it."""
    stop, content, usage = message(replay(recording(name))[0])
    text = recording(name)
    for body in (text, b"\n\n" + text.removeprefix(b"\xef\xbb\xbf"), text.removesuffix(b"\n\n")):
        reply = json.loads(read(body).body)
        shown = [(*block[:2], json.dumps(block[2], separators=(",", ":"))) if isinstance(block[-1], dict) else block
                 for block in map(told, reply["content"])]  # fmt: skip
        whole = [(*block[:2], block[2] if is_object(block[2]) else "{}") if block[0].startswith("call_") else block
                 for block in content]  # fmt: skip
        assert (reply["stop_reason"], shown, reply["usage"]) == (stop, whole, usage)


def is_object(text):
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


@pytest.mark.parametrize("name", [name for name in LEGAL if name not in SEARCHES])
def test_the_last_event_alone_tells_what_the_stream_told(name):
    """The response inside the last event of a stream makes the same reply as the whole stream."""
    text = recording(name)
    last = next(
        line for line in text.splitlines() if b'"type":"response.completed"' in line or b'"response.inc' in line
    )
    whole = json.loads(last.removeprefix(b"data: "))["response"]
    if not whole["output"]:
        return
    streamed, alone = (json.loads(read(body).body) for body in (text, whole))
    for estimated in (streamed, alone):
        estimated["content"] = [told(block) for block in estimated["content"]]
    assert alone == streamed


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "garbled"), (b"<html>", "garbled"), (b"[]", "garbled"), (b"{}", "garbled"),
        (b'{"status":"completed"}', "garbled"), (b'{"output":{}}', "garbled"),
        (response(status="in_progress"), "garbled"), (response(status="cancelled"), "garbled"),
        (response({**READ, "arguments": "oops"}), "garbled"),
        (response(status="failed", error={"code": "server_error", "message": "no"}), "overloaded"),
        (response(status="failed"), "garbled"),
        (b'{"error":{"message":"slow","code":"rate_limit_exceeded"}}', "rate_limited"),
        (b"data: {}\n\n", "garbled"), (b"event: x", "garbled"), (b": ping\n\n", "garbled"),
        (b"data: " + b"x" * (8 * 1024 * 1024 + 1), "garbled"),
    ],
)  # fmt: skip
def test_what_is_no_response_is_a_failure(body, kind):
    """A 200 that holds no whole response is a failure of the kind it tells of."""
    with pytest.raises(UpstreamFailure) as caught:
        read(body)
    assert caught.value.failure.kind is FailureKind(kind)


@pytest.mark.parametrize("name", ["failed_before_content", "cut_before_completed", "error_event"])
def test_a_broken_stream_as_a_body_is_a_failure(name):
    """A stream that failed or broke off makes no reply, whatever it had told."""
    expected = replay(recording(name))[1]
    with pytest.raises(UpstreamFailure) as caught:
        read(recording(name))
    assert caught.value.failure == expected


items = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "reasoning", "function_call", "custom_tool_call", "web_search_call"])},
    optional=dict.fromkeys(("id", "call_id", "name", "arguments", "input", "content", "summary", "action", "status",
                            "encrypted_content"), json_values),
)  # fmt: skip


@given(
    st.lists(items | json_values, max_size=3) | json_values, json_values, json_values,
    st.sampled_from(["completed", "incomplete"]), st.sampled_from([{}, SHOWN, OMITTED]),
)  # fmt: skip
@settings(deadline=None)
def test_no_response_breaks_the_reading(output, usage, details, status, asked):
    """Any shape of a response is a reply or a failure of the upstream."""
    try:
        reply = read({"output": output, "usage": usage, "incomplete_details": details, "status": status}, asked)
    except UpstreamFailure:
        return
    assert all(isinstance(b["input"], dict) for b in json.loads(reply.body)["content"] if b["type"] == "tool_use")
