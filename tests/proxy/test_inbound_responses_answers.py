"""What a Responses client receives: events, responses and errors, all parsed by the official SDK's own models."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import Failure, FailureKind
from providers.wire.messages import PING, MessagesEvent, MessagesReply, Usage
from providers.wire.sse import SseDecoder
from proxy.errors import ApiError, from_failure
from tests.proxy.responses_answers import (
    FOUND,
    SEARCH,
    events_of,
    final,
    kinds,
    ladder,
    message,
    part,
    whole,
    written,
)
from tests.proxy.responses_requests import FUNCTION, RESPONSES, TOOLS, parse


def test_a_text():
    """The whole ladder of a text, each event with its place, and the response told three times."""
    found = ladder(written(("text", "Hel"), ("text", "lo")))
    assert kinds(found) == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    place = {"item_id": "msg_abc_0", "content_index": 0, "output_index": 0}
    assert found[2]["item"] == {**message("", status="in_progress"), "content": []}
    assert found[3] == {"type": "response.content_part.added", **place, "part": part(""), "sequence_number": 3}
    assert [event.get("delta") for event in found[4:6]] == ["Hel", "lo"]
    assert place.items() <= found[4].items()
    assert found[6] == {
        "type": "response.output_text.done", **place, "text": "Hello", "logprobs": [], "sequence_number": 6,
    }  # fmt: skip
    assert found[7]["part"] == part("Hello")
    assert found[8]["item"] == message("Hello")
    assert found[9]["response"]["output"] == [message("Hello")]


def test_the_response_object():
    """The response bears the model asked for, the settings of the request, and usage as OpenAI counts it."""
    settings = {
        "instructions": "be brief", "max_output_tokens": 99, "metadata": {"a": "b"}, "parallel_tool_calls": False,
        "prompt_cache_key": "k", "reasoning": {"effort": "low", "summary": "auto"}, "safety_identifier": "s",
        "temperature": 0.5, "text": {"format": {"type": "json_object"}}, "tool_choice": "required", "tools": [FUNCTION],
        "top_p": 0.9, "truncation": "auto", "user": "u",
    }  # fmt: skip
    first, *_, last = ladder(written(("text", "x")), **settings)
    assert first["response"]["status"] == "in_progress"
    assert (first["response"]["usage"], first["response"]["output"]) == (None, [])
    assert settings.items() <= first["response"].items()
    assert last["response"] == {
        "id": "resp_abc", "object": "response", "created_at": 1_700_000_000, "completed_at": 1_700_000_000,
        "status": "completed", "background": False, "error": None, "incomplete_details": None, "model": "gpt-x",
        "output": [message("x")], "previous_response_id": None, "store": False, "max_tool_calls": None,
        "service_tier": "default", **settings,
        "usage": {
            "input_tokens": 12, "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
            "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 17,
        },
    }  # fmt: skip


def test_odd_settings_are_not_told_again():
    """What the client set to something it cannot be is told as if it had said nothing."""
    odd = {"tools": 7, "temperature": True, "metadata": [], "text": None, "reasoning": "x", "user": 7}
    response = final(written(), **odd)
    assert (response["tools"], response["temperature"], response["metadata"], response["user"]) == ([], 1.0, {}, None)
    assert response["text"] == {"format": {"type": "text"}}


@pytest.mark.parametrize(
    ("stop", "status", "reason"),
    [
        ("end_turn", "completed", None), ("max_tokens", "incomplete", "max_output_tokens"),
        ("stop_sequence", "completed", None), ("refusal", "incomplete", "content_filter"),
        ("model_context_window_exceeded", "incomplete", "max_output_tokens"), ("pause_turn", "completed", None),
        ("compaction", "completed", None), ("new", "completed", None),
    ],
)  # fmt: skip
def test_how_answers_end(stop, status, reason):
    """Every stop reason is a status, streamed and not; the item under way shares it."""
    events = written(("text", "a"), ("signature", "s"), ("text", "b"), stop=stop)
    found = ladder(events)
    response = found[-1]["response"]
    assert found[-1]["type"] == f"response.{status}"
    assert (response["status"], response["incomplete_details"]) == (status, reason and {"reason": reason})
    assert [item["status"] for item in response["output"]] == ["completed", "completed", status]
    assert whole(events) == response


def test_an_empty_answer():
    """An answer without content is a response without output."""
    found = ladder(written())
    assert kinds(found) == ["created", "in_progress", "completed"]
    assert found[-1]["response"]["output"] == []


def test_a_failure_goes_on_with_the_numbers():
    """What breaks a stream is `response.failed`, numbered on, with the items that were finished."""
    renderer = RESPONSES.renderer(parse(stream=True))
    begun = written(("text", "a"), ("tool", "t", "f"), ("tool_input", "{"))[:-2]
    data = b"".join(renderer.render(event) for event in begun)
    data += renderer.render_error(ApiError(502, "api_error", "gone"), "req_1")
    last = events_of(data)[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["error"] == {"code": "server_error", "message": "gone"}
    assert (last["response"]["status"], last["response"]["output"]) == ("failed", [message("a")])


def test_a_failure_before_anything_else():
    """When nothing but pings went out, the failure is the stream's only event."""
    frame = RESPONSES.renderer(parse(stream=True)).render_error(ApiError(504, "timeout_error", "late"), "req_1")
    found = events_of(frame)
    assert (found[0]["response"]["id"], found[0]["response"]["error"]["code"]) == ("resp_ccm", "server_error")


def test_a_failure_after_native_frames():
    """After an upstream's own frames the failure bears their response's id and the next number."""
    renderer = RESPONSES.renderer(parse(stream=True))
    frames = (
        b'data: {"type":"response.created","response":{"id":"resp_up"},"sequence_number": 0}\n\n',
        b'data: {"type":"response.output_text.delta","sequence_number":41,"delta":"x"}\n\n',
        b"",
    )
    for native in frames:
        assert renderer.render(MessagesEvent("ping", b"{}", b"x", native)) == native
    failed = json.loads(SseDecoder().feed(renderer.render_error(ApiError(502, "api_error", "x"), ""))[0].data)
    assert (failed["sequence_number"], failed["response"]["id"]) == (42, "resp_up")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ApiError(502, "api_error", "x"), "server_error"),
        (ApiError(529, "overloaded_error", "x"), "server_error"),
        (ApiError(400, "invalid_request_error", "x"), "invalid_prompt"),
        (from_failure(Failure(FailureKind.RATE_LIMITED, "slow")), "rate_limit_exceeded"),
        (from_failure(Failure(FailureKind.QUOTA, "paid out")), "insufficient_quota"),
        (ApiError(400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), "context_length_exceeded"),
    ],
)
def test_codes_of_failures(error, code):
    """The code of a failed response is the one that clients act on."""
    frame = RESPONSES.renderer(parse(stream=True)).render_error(error, "req_1")
    told = json.loads(SseDecoder().feed(frame)[0].data)["response"]["error"]
    assert told == {"code": code, "message": error.message}


def test_an_error_event():
    """An error among the events fails the response."""
    event = MessagesEvent.of({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
    last = ladder([*written()[:1], event])[-1]
    assert last["response"]["error"]["message"] == "busy"


def test_errors():
    """An error answer is OpenAI's envelope, `input` at fault where Chat says `messages`."""
    error = ApiError(400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum")
    assert json.loads(RESPONSES.render_error(error, "req_1")) == {"error": {
        "message": error.message, "type": "invalid_request_error", "param": "input",
        "code": "context_length_exceeded",
    }}  # fmt: skip


def test_native_bytes_are_sent_as_they_are():
    """An upstream's own response is the answer."""
    assert RESPONSES.render_reply(MessagesReply(b"{}", Usage(), None, True, native=b"own"), parse()) == b"own"


def test_silence_is_a_comment():
    """Pings are comments, which no client takes for an event; unknown events are nothing."""
    renderer = RESPONSES.renderer(parse())
    assert RESPONSES.ping == renderer.render(PING) == b": ping\n\n"
    assert renderer.render(MessagesEvent.of({"type": "future"})) == b""


def test_a_count():
    """A count has the shape of OpenAI's own counter."""
    assert json.loads(RESPONSES.render_count(7)) == {"object": "response.input_tokens", "input_tokens": 7}


WORDS = st.text(max_size=4)
STEPS = st.lists(
    st.tuples(st.just("text"), WORDS) | st.tuples(st.just("thinking"), WORDS) | st.tuples(st.just("signature"), WORDS)
    | st.tuples(st.just("call"), st.sampled_from(["get_weather", "patch", "shell", "unknown"]),
                st.dictionaries(WORDS, st.integers() | WORDS, max_size=2) | st.fixed_dictionaries({"input": WORDS}))
    | st.tuples(st.just("tool"), st.just("t"), st.just("other"))
    | st.tuples(st.just("whole"), st.sampled_from([
        SEARCH, FOUND, {"type": "redacted_thinking", "data": "d"}, {"type": "future"},
        {"type": "server_tool_use", "id": "s", "name": "bash_code_execution", "input": {}}])),
    max_size=7,
)  # fmt: skip
DESCRIBED = [*TOOLS, {"type": "custom", "name": "patch"}, {"type": "shell"}]


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sampled_from(["end_turn", "max_tokens", "refusal"]), st.booleans())
def test_any_legal_stream_becomes_events_the_sdk_parses(steps, stop, described):
    """Whatever the grammar allows, each event fits the SDK's types, and the last one holds the folded answer."""
    plan, calls = [], 0
    for name, *arguments in steps:
        if name == "call":
            text = json.dumps(arguments[1], ensure_ascii=False, separators=(",", ":"))
            plan += [("tool", f"toolu_{calls}", arguments[0]), ("tool_input", text[:3]), ("tool_input", text[3:])]
        else:
            plan.append((name, *arguments))
        calls += name in ("call", "tool")
    events = written(*plan, stop="tool_use" if calls and stop == "end_turn" else stop)
    fields = {"tools": DESCRIBED} if described else {}
    response = final(events, **fields)
    assert response == whole(events, **fields)
    told = "".join(p["text"] for item in response["output"] if item["type"] == "message" for p in item["content"])
    assert told == "".join(step[1] for step in steps if step[0] == "text")
