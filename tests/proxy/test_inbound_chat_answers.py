"""What a Chat client receives: chunks, completions and errors, all parsed by the official SDK's own models."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from providers.errors import Failure, FailureKind
from providers.wire.blocks import BlockWriter
from providers.wire.grammar import Grammar
from providers.wire.messages import PING, MessagesEvent, MessagesReply, Usage
from providers.wire.sse import SseDecoder
from proxy.errors import ApiError, from_failure
from proxy.inbound.openai_chat import ChatInbound
from tests.proxy.chat_requests import FUNCTION, hub, parse

CHAT = ChatInbound(clock=lambda: 1_700_000_000.9)
USAGE = Usage(7, 5, cache_read=3, cache_write=2, thinking=4)
ASKS = {"stream": True, "stream_options": {"include_usage": True}}


def written(*steps, stop="end_turn", usage=USAGE):
    """Events of a legal stream: each step is a method of BlockWriter and its arguments."""
    writer = BlockWriter()
    events = writer.start("msg_abc", "claude-x", Usage(7, 1))
    for name, *arguments in steps:
        events += getattr(writer, name)(*arguments)
    return [*events, *writer.finish(stop, usage)]


def rendered(events, **fields):
    renderer = CHAT.renderer(parse(**{"stream": True, **fields}))
    return b"".join(renderer.render(event) for event in events)


def chunks(events, **fields):
    """Every chunk, parsed strictly by the SDK's model; the end mark must be the last."""
    *frames, done = SseDecoder().feed(rendered(events, **fields))
    assert done.data == b"[DONE]"
    for frame in frames:
        ChatCompletionChunk.model_validate_json(frame.data)
    return [json.loads(frame.data) for frame in frames]


def deltas(events, **fields):
    return [chunk["choices"][0]["delta"] for chunk in chunks(events, **fields) if chunk["choices"]]


def test_a_text():
    """The role comes first, then the text, the finish reason alone, and the end mark; no usage unless asked."""
    found = chunks(written(("text", "Hel"), ("text", "lo")))
    assert [chunk["choices"] for chunk in found] == [
        [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}],
        [{"index": 0, "delta": {"content": "Hel"}, "finish_reason": None}],
        [{"index": 0, "delta": {"content": "lo"}, "finish_reason": None}],
        [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    ]
    for chunk in found:
        del chunk["choices"]
        assert chunk == {
            "id": "chatcmpl-abc", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "gpt-x",
        }  # fmt: skip


def test_usage_is_told_to_who_asks():
    """With `include_usage` a last chunk without choices counts the prompt as Chat does, cache included."""
    *_, last = chunks(written(("text", "x")), **ASKS)
    assert last["choices"] == []
    assert last["usage"] == {
        "prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }  # fmt: skip
    for options in ({"include_usage": False}, {}, None, 7):
        assert all(chunk["choices"] for chunk in chunks(written(), stream_options=options))


def test_tool_calls():
    """Calls are numbered among themselves; their arguments come in pieces; no input at all is `{}`."""
    events = written(
        ("thinking", "hm"), ("text", "see"), ("tool", "toolu_1", "a"), ("tool_input", '{"x"'), ("tool_input", ":1}"),
        ("whole", {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}),
        ("tool", "toolu_2", "b"), ("text", "done"), stop="tool_use",
    )  # fmt: skip
    found = deltas(events)
    assert found[1:] == [
        {"reasoning_content": "hm"},
        {"content": "see"},
        {"tool_calls": [
            {"index": 0, "id": "toolu_1", "type": "function", "function": {"name": "a", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
        {"tool_calls": [
            {"index": 1, "id": "toolu_2", "type": "function", "function": {"name": "b", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {"content": "done"},
        {},
    ]  # fmt: skip
    assert chunks(events)[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_whole_input_in_the_start_of_a_call():
    """Some upstreams give the input at once, without pieces."""
    block = {"type": "tool_use", "id": "toolu_1", "name": "a", "input": {"x": 1}}
    found = deltas(written(("whole", block), stop="tool_use"))
    assert found[2] == {"tool_calls": [{"index": 0, "function": {"arguments": '{"x":1}'}}]}


def test_legacy_functions_are_answered_in_kind():
    """A client that speaks of functions gets a `function_call`, streamed and not."""
    events = written(("tool", "toolu_1", "get_weather"), ("tool_input", "{}"), stop="tool_use")
    found = deltas(events, functions=[FUNCTION])
    assert found[1:3] == [
        {"function_call": {"name": "get_weather", "arguments": ""}}, {"function_call": {"arguments": "{}"}},
    ]  # fmt: skip
    assert chunks(events, functions=[FUNCTION])[-1]["choices"][0]["finish_reason"] == "function_call"
    whole = completion([{"type": "tool_use", "id": "t", "name": "f", "input": {}}], "tool_use", functions=[FUNCTION])
    assert whole["choices"][0]["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert whole["choices"][0]["finish_reason"] == "function_call"


THINKING = [("thinking", "hm"), ("signature", "sig-1"), ("whole", {"type": "redacted_thinking", "data": "blob"}),
            ("thinking", "unsigned"), ("signature", ""), ("text", "ok")]  # fmt: skip
DETAILS = [
    {"index": 0, "type": "reasoning.text", "text": "hm", "signature": "sig-1", "format": "ccm-v1"},
    {"index": 1, "type": "reasoning.encrypted", "data": "blob", "format": "ccm-v1"},
]


def test_signed_thinking_can_come_back():
    """Each signed thinking block is told whole once more, and a client that returns it gives the block back."""
    found = deltas(written(*THINKING))
    assert [delta["reasoning_content"] for delta in found if "reasoning_content" in delta] == ["hm", "unsigned"]
    details = [entry for delta in found for entry in delta.get("reasoning_details", ())]
    assert details == DETAILS
    state = ChatCompletionStreamState()
    for frame in SseDecoder().feed(rendered(written(*THINKING)))[:-1]:
        state.handle_chunk(ChatCompletionChunk.model_validate_json(frame.data))
    message = state.get_final_completion().choices[0].message.model_dump()
    assert (message["content"], message["reasoning_details"]) == ("ok", DETAILS)
    answer = {"role": "assistant", "content": "ok", "reasoning_details": details}
    assert hub({"role": "user", "content": "a"}, answer)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig-1"},
        {"type": "redacted_thinking", "data": "blob"},
        {"type": "text", "text": "ok"},
    ]


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"), ("max_tokens", "length"), ("stop_sequence", "stop"), ("refusal", "content_filter"),
        ("pause_turn", "stop"), ("model_context_window_exceeded", "length"), ("compaction", "stop"), ("new", "stop"),
    ],
)  # fmt: skip
def test_finish_reasons(stop, finish):
    """Every stop reason has a finish reason, streamed and not."""
    assert chunks(written(stop=stop))[-1]["choices"][0]["finish_reason"] == finish
    assert completion([], stop)["choices"][0]["finish_reason"] == finish


def test_native_bytes_are_sent_as_they_are():
    """An event that carries an upstream's own frame is that frame, and nothing where it is empty."""
    renderer = CHAT.renderer(parse())
    for native in (b"data: own\n\n", b""):
        assert renderer.render(MessagesEvent("ping", b"{}", b"x", native)) == native
    reply = MessagesReply(b"{}", Usage(), None, True, native=b"own")
    assert CHAT.render_reply(reply, parse()) == b"own"
    assert CHAT.render_reply(MessagesReply(b"{}", Usage(), None, True, native=b""), parse()) == b""


def test_silence_is_a_comment():
    """Pings are comments, which no client takes for a chunk; unknown events are nothing."""
    renderer = CHAT.renderer(parse())
    assert CHAT.ping == renderer.render(PING) == b": ping\n\n"
    assert renderer.render(MessagesEvent.of({"type": "future"})) == b""


def completion(content, stop="end_turn", usage=USAGE, **fields):
    body = json.dumps({"id": "msg_abc", "type": "message", "content": content, "stop_reason": stop}).encode()
    answer = CHAT.render_reply(MessagesReply(body, usage, stop, bool(content)), parse(**fields))
    ChatCompletion.model_validate_json(answer)
    return json.loads(answer)


def test_a_whole_answer():
    """Text, thinking and calls are one message under the model name that was asked for."""
    whole = completion([
        {"type": "thinking", "thinking": "hm", "signature": "sig-1"}, {"type": "redacted_thinking", "data": "blob"},
        {"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}, {"type": "web_search_tool_result"},
        {"type": "tool_use", "id": "toolu_1", "name": "a", "input": {"x": "é"}},
    ], "tool_use")  # fmt: skip
    assert whole["usage"]["total_tokens"] == 17
    assert (whole["id"], whole["object"], whole["model"]) == ("chatcmpl-abc", "chat.completion", "gpt-x")
    assert whole["created"] == 1_700_000_000
    choice = whole["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    call = {"id": "toolu_1", "type": "function", "function": {"name": "a", "arguments": '{"x":"é"}'}}
    assert choice["message"] == {
        "role": "assistant", "content": "Hello", "refusal": None, "reasoning_content": "hm",
        "reasoning_details": DETAILS, "tool_calls": [call],
    }  # fmt: skip


def test_an_empty_answer():
    """Without content the message's content is null."""
    message = completion([])["choices"][0]["message"]
    assert message == {"role": "assistant", "content": None, "refusal": None}


@pytest.mark.parametrize(
    ("error", "type_", "param", "code"),
    [
        (ApiError(400, "invalid_request_error", "n: no"), "invalid_request_error", None, None),
        (ApiError(413, "request_too_large", "big"), "invalid_request_error", None, "request_too_large"),
        (ApiError(401, "authentication_error", "key"), "authentication_error", None, "invalid_api_key"),
        (ApiError(403, "permission_error", "no"), "permission_error", None, None),
        (ApiError(404, "not_found_error", "no model named x"), "not_found_error", "model", "model_not_found"),
        (ApiError(404, "not_found_error", "nothing here"), "not_found_error", None, None),
        (ApiError(500, "api_error", "broken"), "server_error", None, None),
        (ApiError(504, "timeout_error", "late"), "server_error", None, "timeout"),
        (ApiError(529, "overloaded_error", "busy"), "server_error", None, "overloaded"),
        (ApiError(502, "future_error", "?"), "server_error", None, None),
        (from_failure(Failure(FailureKind.RATE_LIMITED, "slow")), "rate_limit_error", None, "rate_limit_exceeded"),
        (from_failure(Failure(FailureKind.QUOTA, "paid out")), "rate_limit_error", None, "insufficient_quota"),
        (
            ApiError(400, "invalid_request_error", "capability_rejected: prompt_too_long"),
            "invalid_request_error", "messages", "context_length_exceeded",
        ),
        (ApiError(429, "billing_error", "cap"), "rate_limit_error", None, "insufficient_quota"),
        (
            ApiError(400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
            "invalid_request_error", "messages", "context_length_exceeded",
        ),
    ],
)  # fmt: skip
def test_errors(error, type_, param, code):
    """Each error has OpenAI's type and the code that programs look for; in a stream nothing follows it."""
    told = {"error": {"message": error.message, "type": type_, "param": param, "code": code}}
    assert json.loads(CHAT.render_error(error, "req_1")) == told
    frame = CHAT.renderer(parse()).render_error(error, "req_1")
    assert frame.startswith(b"data: {") and frame.endswith(b"}\n\n")
    assert json.loads(frame[6:]) == told


def test_an_error_event():
    """An error among the events ends the stream without the end mark."""
    event = MessagesEvent.of({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
    frames = SseDecoder().feed(rendered([*written()[:1], event]))
    assert json.loads(frames[-1].data)["error"]["message"] == "busy"


def test_a_count():
    """There is no counter in Chat; the number is told all the same."""
    assert CHAT.render_count(7) == b'{"input_tokens":7}'


TEXTS = st.text(max_size=4)
BLOCKS = st.one_of(
    st.tuples(st.just("text"), TEXTS),
    st.tuples(st.just("thinking"), TEXTS),
    st.tuples(st.just("signature"), TEXTS),
    st.tuples(st.just("tool"), st.just("toolu_1"), st.just("a")),
    st.tuples(st.just("input"), st.dictionaries(TEXTS, TEXTS, max_size=2)),
    st.tuples(st.just("whole"), st.sampled_from([
        {"type": "redacted_thinking", "data": "blob"}, {"type": "compaction", "content": "x"},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    ])),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(BLOCKS, max_size=8), st.sampled_from(["end_turn", "max_tokens", "refusal"]), st.booleans())
def test_any_legal_stream_becomes_chunks_the_sdk_parses(steps, stop, asks):
    """Whatever the grammar allows, every chunk fits the SDK's model, and the pieces add up to what was said."""
    plan, said, inputs = [], "", []
    for name, *arguments in steps:
        if name == "input":
            plan += [("tool", f"toolu_{len(inputs)}", "a"), ("tool_input", json.dumps(arguments[0]))]
            inputs.append(arguments[0])
        else:
            plan.append((name, *arguments))
            said += arguments[0] if name == "text" else ""
            inputs += [{}] if name == "tool" else []
    events = written(*plan, stop="tool_use" if inputs and stop == "end_turn" else stop)
    grammar = Grammar()
    for event in events:
        grammar.feed(event)
    found = deltas(events, **(ASKS if asks else {}))
    assert "".join(delta.get("content") or "" for delta in found) == said
    arguments = [""] * len(inputs)
    for delta in found:
        for call in delta.get("tool_calls", ()):
            arguments[call["index"]] += call["function"]["arguments"]
    assert [json.loads(text) for text in arguments] == inputs
