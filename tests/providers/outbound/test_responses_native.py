"""A client that speaks Responses at an upstream that speaks it: bytes pass, the translation only watches."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.openai_responses import OPENAI_RESPONSES
from providers.wire import signatures
from providers.wire.grammar import Grammar
from providers.wire.messages import Source
from providers.wire.spans import scan_object
from providers.wire.sse import ServerSentEvent, SseDecoder
from tests import cast
from tests.providers.outbound.responses_cast import CODEX, upstream
from tests.providers.outbound.responses_replay import RECORDINGS, completed, done, recording, sse

TARGET, ON_CODEX = upstream(), upstream(CODEX)
TURN = {"type": "message", "role": "user", "content": "claude-x"}
STEMS = sorted(path.stem for path in RECORDINGS.glob("*.sse"))


def asking(body=None, wire_format="openai_responses", **fields):
    """A Messages request that was made of this Responses body (bytes, or members beside a model and a turn)."""
    body = body or json.dumps({"model": "claude-x", "input": [TURN], **fields}).encode()
    members = scan_object(body)
    shown = {"thinking": {"type": "adaptive"}, "stream": members.get("stream") == b"true"}
    return cast.request(shown, source=Source(wire_format, body, members))


def sent(messages, to=TARGET):
    return OPENAI_RESPONSES.request(messages, to)


def test_only_the_model_changes():
    """Every byte of the client's body but the top-level model's goes out, unknown fields and spelling included."""
    body = (
        '{ "model":"claude-x", "x_unknown": [1.0, 2e3,"é\\u00e9\\ud83d"],"store":true,"temperature":2,\n'
        ' "input":[{"role":"system","content":"claude-x"}]}  '
    ).encode()
    outgoing = sent(asking(body))
    assert outgoing.body == body.replace(b'"model":"claude-x"', b'"model":"gpt-5.2"')
    assert (outgoing.url.rsplit("/", 1)[1], outgoing.repaired) == ("responses", ())
    assert outgoing.headers["accept"] == "application/json"
    assert sent(asking(stream=True)).headers["accept"] == "text/event-stream"


@pytest.mark.parametrize(
    "messages",
    [
        asking(wire_format="openai_chat", top_logprobs=7),
        asking(instructions="<CCM-SUBAGENT-MODEL>x</CCM-SUBAGENT-MODEL>", top_logprobs=7),
    ],
)
def test_what_may_not_pass_is_translated(messages):
    """Another dialect's words, and a body with a subagent tag that no upstream may see, go the translated way."""
    body = sent(messages).body
    assert b"top_logprobs" not in body
    assert b"CCM-SUBAGENT-MODEL" not in body
    assert OPENAI_RESPONSES.reply(json.dumps(ANSWER).encode(), messages, TARGET).native is None
    assert all(event.native is None for event in replay((recording("text"),), messages)[0])


def thought(encrypted, **fields):
    return {"type": "reasoning", "id": "rs_x", "summary": [], "encrypted_content": encrypted, **fields}


def test_reasoning_of_another_upstream_stays_here():
    """Thinking that earlier answers carried for another upstream is taken out; the upstream's own goes back."""
    foreign = [thought("ccm-r1.thinking.sig"), thought("ccm-r1.redacted_thinking.x")]
    theirs = thought("gAAAA")
    words = {"role": "user", "content": "ccm-r1.thinking.sig"}
    outgoing = sent(asking(input=[TURN, foreign[0], theirs, foreign[1], words]))
    assert json.loads(outgoing.body)["input"] == [TURN, theirs, words]
    assert outgoing.repaired == ("foreign thinking dropped",)


def test_reasoning_of_this_upstream_is_what_it_was():
    """Thinking that this very model gave on the translated way goes back as the item it came as."""
    blob = {"id": "rs_1", "encrypted_content": "gAAAA"}
    ours = thought("ccm-r1.thinking." + signatures.tag(TARGET.origin, blob), summary=["kept"])
    outgoing = sent(asking(input=[TURN, ours]))
    assert json.loads(outgoing.body)["input"][1] == {**ours, **blob}
    assert outgoing.repaired == ()


REFUSED = {
    "max_output_tokens": 9, "temperature": 1, "top_p": 1, "metadata": {}, "user": "u", "safety_identifier": "s",
    "prompt_cache_retention": "24h", "truncation": "auto", "stream_options": {}, "previous_response_id": None,
}  # fmt: skip


def test_the_codex_backend_gets_what_it_takes():
    """There a body streams, stores nothing, has instructions, and is rid of what that backend refuses."""
    system = {"type": "message", "role": "system", "content": "be brief"}
    outgoing = sent(asking(input=[system, TURN], store=True, prompt_cache_key="k", **REFUSED), ON_CODEX)
    assert json.loads(outgoing.body) == {
        "instructions": "", "model": "gpt-5.2", "input": [{**system, "role": "developer"}, TURN], "store": False,
        "prompt_cache_key": "k", "stream": True,
    }  # fmt: skip
    assert "temperature dropped" in outgoing.repaired
    assert "previous_response_id dropped" not in outgoing.repaired
    assert outgoing.headers["accept"] == "text/event-stream"


def test_the_codex_backend_wants_a_list():
    """An input that is a text becomes a message there."""
    body = json.loads(sent(asking(input='say "hi"'), ON_CODEX).body)
    part = {"type": "input_text", "text": 'say "hi"'}
    assert body["input"] == [{"type": "message", "role": "user", "content": [part]}]


def test_a_body_of_the_codex_cli_passes_untouched():
    """What its own client says needs no change but the model's."""
    body = b'{"model":"claude-x","instructions":"x","input":[ {"role":"user"} ],"store":false,"stream":true}'
    assert sent(asking(body), ON_CODEX).body == body.replace(b"claude-x", b"gpt-5.2")


ANSWER = {
    "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5.2",
    "output": [{"type": "message", "id": "msg_1", "role": "assistant", "content": [
        {"type": "output_text", "text": "gpt-5.2", "annotations": []}]}],
    "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}, "x_unknown": 1.0,
}  # fmt: skip


def test_a_whole_answer_passes_under_the_name_asked_for():
    """The client gets the upstream's bytes but for the model; the log gets the translation."""
    answer = json.dumps(ANSWER, indent=1).encode()
    reply = OPENAI_RESPONSES.reply(answer, asking(), TARGET)
    assert reply.native == answer.replace(b'"model": "gpt-5.2"', b'"model": "claude-x"')
    assert (reply.usage.input, reply.usage.output, reply.stop_reason, reply.has_content) == (3, 2, "end_turn", True)


@pytest.mark.parametrize("output", [ANSWER["output"], []])
def test_a_stream_for_a_client_that_wants_none(output):
    """Of an upstream that only streams, the client gets the last response, filled with its items where it is empty."""
    begun = {"type": "response.created", "response": {**ANSWER, "status": "in_progress", "output": []}}
    ended = {"type": "response.completed", "response": {**ANSWER, "output": output}}
    text = b"".join(sse(begun, done(**ANSWER["output"][0], kind="message"), ended)) + b"data: [DONE]\n\n"
    reply = OPENAI_RESPONSES.reply(text, asking(), ON_CODEX)
    assert json.loads(reply.native) == {**ANSWER, "model": "claude-x"}
    assert (reply.usage.output, reply.has_content) == (2, True)


def test_a_stream_that_tells_of_no_response():
    """Where the last event holds none, the answer is written from what its events said."""
    text = b"".join(sse(done(**ANSWER["output"][0], kind="message"), {"type": "response.completed", "response": None}))
    reply = OPENAI_RESPONSES.reply(text, asking(), ON_CODEX)
    assert (reply.native, reply.has_content) == (None, True)


@pytest.mark.parametrize("body", [b'{"error":{"message":"busy"}}', b"oops", b"data: oops\n\n", b'{"output":7}', b"[]"])
def test_what_is_no_answer_is_a_failure(body):
    """The native path forwards no failure as an answer."""
    with pytest.raises(UpstreamFailure):
        OPENAI_RESPONSES.reply(body, asking(), TARGET)


@pytest.mark.parametrize(
    "kind", ["local_shell_call", "shell_call", "apply_patch_call", "tool_search_call", "image_generation_call"]
)
def test_items_that_mean_nothing_in_messages_are_content(kind):
    """An answer of such an item alone is no empty answer, streamed or not; the client gets the item itself."""
    item = {"type": kind, "id": "x_1", "call_id": "c", "action": {"commands": ["ls"]}}
    reply = OPENAI_RESPONSES.reply(json.dumps({**ANSWER, "output": [item]}).encode(), asking(), TARGET)
    assert reply.has_content
    assert json.loads(reply.native)["output"] == [item]
    frame = b"data: %s\n\n" % json.dumps(done(**item, kind=kind)).encode()
    events, failure = replay((frame, *sse(completed())), asking())
    assert failure is None
    assert [event.type for event in events if event.type == "content_block_start"]
    assert frame in [event.native for event in events]


def replay(chunks, messages):
    """Events through decoder, translator and grammar, and the failure that ended them, if any."""
    decoder, grammar = SseDecoder(), Grammar()
    translator = OPENAI_RESPONSES.translator(messages, TARGET)
    events = []
    try:
        for chunk in chunks:
            for event in decoder.feed(chunk):
                events += translator.feed(event)
        for event in decoder.finish():
            events += translator.feed(event)
        events += translator.finish()
    except UpstreamFailure as error:
        return events, error.failure
    for event in events:
        grammar.feed(event)
    grammar.finish()
    assert translator.ended
    return events, None


@pytest.mark.parametrize("stem", STEMS)
def test_recordings_pass_untouched_but_for_the_model(stem):
    """Of every recording each frame up to the last reaches the client, the model renamed, comments left out."""
    events, failure = replay((recording(stem),), asking(stream=True))
    received = SseDecoder().feed(b"".join(event.native for event in events))
    expected = []
    for event in SseDecoder().feed(recording(stem)):
        if event.is_comment or event.data == b"[DONE]":
            continue
        expected.append(json.loads(event.data))
        if "model" in expected[-1].get("response", {}):
            expected[-1]["response"]["model"] = "claude-x"
    got = [json.loads(event.data) for event in received]
    assert got == (expected if failure is None else expected[: len(got)])


def test_bytes_are_kept():
    """Spelling, order and blanks of a frame stay; only the response's model is another."""
    text = recording("text")
    events, _ = replay((text,), asking(stream=True))
    assert b"".join(event.native for event in events) == text.replace(b'"model":"gpt-5.2"', b'"model":"claude-x"')
    odd = b'id: 7\ndata:{ "z" : 1.0, "response": {"model" : "gpt-5.2"} , "type":"response.queued"}\n\n'
    first = replay((odd + text,), asking(stream=True))[0][0]
    assert first.native == odd.replace(b'"model" : "gpt-5.2"', b'"model" : "claude-x"')


def test_what_means_nothing_in_messages_still_passes():
    """Events that make no Messages event travel on pings, so that no part of the answer is lost."""
    extra = b'event: response.future\ndata: {"type":"response.future","x":1}\n\n'
    events, _ = replay((recording("text").replace(b"\n\n", b"\n\n" + extra, 1),), asking(stream=True))
    assert [event.native for event in events if event.native == extra] == [extra]


def test_a_cut_stream_is_a_failure_without_an_end():
    """A stream that ends before its last event never looks finished."""
    events, failure = replay((recording("cut_before_completed"),), asking(stream=True))
    assert failure.kind is FailureKind.GARBLED
    assert not any(b"response.completed" in event.native for event in events)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(STEMS), st.data())
def test_cuts_do_not_matter(stem, data):
    """However the network cuts a stream, the client receives the same bytes."""
    text = recording(stem)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    events, failure = replay(pieces, asking(stream=True))
    whole, whole_failure = replay((text,), asking(stream=True))
    assert [event.native for event in events] == [event.native for event in whole]
    assert failure == whole_failure


ODD = st.dictionaries(
    st.sampled_from(["type", "response", "item", "output_index", "delta", "error", "output"]),
    st.none() | st.sampled_from(["response.output_item.done", "response.completed", "response.created"])
    | st.just({"model": "m", "status": "completed", "output": [{"type": "shell_call"}, 7]}) | st.just([7])
    | st.just({"type": "shell_call"}),
    max_size=4,
).map(lambda event: json.dumps(event).encode()) | st.binary(max_size=5)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(ODD, max_size=5))
def test_odd_events_fail_in_one_way(texts):
    """Whatever an upstream sends, streamed or whole, it is forwarded or an UpstreamFailure."""
    messages = asking(stream=True)
    translator = OPENAI_RESPONSES.translator(messages, TARGET)
    with suppress(UpstreamFailure):
        for text in texts:
            for event in translator.feed(ServerSentEvent("", text, b"data: " + text + b"\n\n")):
                assert isinstance(event.native, bytes)
        translator.finish()
    for body in (*texts, b"".join(b"data: " + text + b"\n\n" for text in texts)):
        with suppress(UpstreamFailure):
            assert isinstance(OPENAI_RESPONSES.reply(body, messages, TARGET).native, bytes | None)
