"""A client that speaks Chat at an upstream that speaks it: bytes pass, the translation only watches."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.openai_chat import OPENAI_CHAT
from providers.presets import PRESETS, Quirks
from providers.wire.grammar import Grammar
from providers.wire.messages import Source
from providers.wire.spans import scan_object
from providers.wire.sse import ServerSentEvent, SseDecoder
from tests import cast
from tests.cast import target

RECORDINGS = sorted((Path(__file__).parents[2] / "recordings" / "openai_chat").glob("*.sse"))
TARGET = target(preset="openai-compatible", model="vendor/real")
TURN = {"role": "user", "content": "smart"}
ASKED = {"stream": True, "stream_options": {"include_usage": True}}
MODEL = b'"model":"claude-x"'


def asking(body=None, wire_format="openai_chat", **fields):
    """A Messages request that was made of this Chat body (bytes, or members beside a model and a turn)."""
    body = body or json.dumps({"model": "claude-x", "messages": [TURN], **fields}).encode()
    members = scan_object(body)
    stream = members.get("stream") == b"true"
    return cast.request({"stream": stream}, source=Source(wire_format, body, members))


def sent(messages, to=TARGET):
    return OPENAI_CHAT.request(messages, to).body


def with_quirks(**quirks):
    return replace(TARGET, preset=replace(TARGET.preset, quirks=Quirks(**quirks)))


def test_only_the_model_changes():
    """Every byte of the client's body but the top-level model's goes out, unknown fields and spelling included."""
    body = (
        '{ "model":"claude-x", "x_unknown": [1.0, 2e3,"é\\u00e9\\ud83d"],"n":1,"seed":7,\n'
        ' "messages":[{"role":"user","content":"claude-x"}]}  '
    ).encode()
    assert sent(asking(body)) == body.replace(MODEL, b'"model":"vendor/real"')


def test_a_repeated_key_is_written_once():
    """Of a repeated key the last value counts, as everywhere."""
    body = b'{"model":"a","messages":[],"model":"claude-x","stream":true}'
    assert json.loads(sent(asking(body))) == {
        "model": "vendor/real", "messages": [], "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"include_usage": True}),
        ({"stream_options": None}, {"include_usage": True}),
        ({"stream_options": {"include_obfuscation": False}}, {"include_obfuscation": False, "include_usage": True}),
        ({"stream_options": {"include_usage": False}}, {"include_usage": True}),
        ({"stream_options": {"include_usage": True}}, {"include_usage": True}),
    ],
)
def test_a_stream_is_asked_for_its_usage(options, expected):
    """The log wants usage even where the client does not; the client's other options stay."""
    assert json.loads(sent(asking(stream=True, **options)))["stream_options"] == expected


def test_usage_is_not_asked_for_in_vain():
    """A server that refuses the option does not get it, nor does a request that is not streamed."""
    assert "stream_options" not in json.loads(sent(asking(stream=True), with_quirks(stream_usage=False)))
    assert "stream_options" not in json.loads(sent(asking()))


OURS = {"type": "reasoning.text", "format": "ccm-v1", "index": 0, "text": "hm", "signature": "blob"}
THEIRS = {"type": "reasoning.text", "format": "other-v1", "index": 1, "text": "x"}


def answered(**fields):
    return {"role": "assistant", "content": "ok", "reasoning_content": "hm", **fields}


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (answered(reasoning_details=[OURS]), {"role": "assistant", "content": "ok"}),
        (
            answered(reasoning_details=[OURS, THEIRS]),
            {"role": "assistant", "content": "ok", "reasoning_details": [THEIRS]},
        ),
        (answered(reasoning_details=[THEIRS]), answered(reasoning_details=[THEIRS])),
        (answered(content="ccm-v1"), answered(content="ccm-v1")),
        (
            answered(content="ccm-v1", reasoning_details=[THEIRS]),
            answered(content="ccm-v1", reasoning_details=[THEIRS]),
        ),
    ],
)
def test_reasoning_of_another_upstream_stays_here(turn, expected):
    """What we put into earlier answers for another upstream is taken out; an upstream's own goes back to it."""
    outgoing = OPENAI_CHAT.request(asking(messages=[TURN, turn, TURN]), TARGET)
    assert json.loads(outgoing.body)["messages"] == [TURN, expected, TURN]
    assert outgoing.repaired == (() if turn == expected else ("foreign thinking dropped",))


def test_reasoning_text_stays_where_it_is_wanted():
    """A server that wants earlier reasoning back gets its text, never the blob."""
    body = sent(asking(messages=[TURN, answered(reasoning_details=[OURS])]), with_quirks(reasoning_replay=True))
    assert json.loads(body)["messages"][1] == answered()
    assert b"blob" not in body


@pytest.mark.parametrize(
    "messages",
    [
        asking(wire_format="openai_responses", seed=7),
        asking(messages=[{"role": "system", "content": "<CCM-SUBAGENT-MODEL>x</CCM-SUBAGENT-MODEL>"}], seed=7),
    ],
)
def test_what_may_not_pass_is_translated(messages):
    """Another dialect's words, and a body with a subagent tag that no upstream may see, go the translated way."""
    body = json.loads(sent(messages))
    assert "seed" not in body
    assert "CCM-SUBAGENT-MODEL" not in str(body)
    answer = OPENAI_CHAT.reply(json.dumps(ANSWER).encode(), messages, TARGET)
    assert answer.native is None
    assert all(event.native is None for event in replay((ASK_TEXT,), messages)[0])


ANSWER = {
    "id": "x", "object": "chat.completion", "created": 1, "model": "vendor/real", "system_fingerprint": "fp",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip


def test_a_whole_answer_passes_under_the_name_asked_for():
    """The client gets the upstream's bytes but for the model; the log gets the translation."""
    answer = json.dumps(ANSWER, indent=1).encode()
    reply = OPENAI_CHAT.reply(answer, asking(), TARGET)
    assert reply.native == answer.replace(b'"vendor/real"', b'"claude-x"')
    assert (reply.usage.input, reply.usage.output, reply.stop_reason, reply.has_content) == (3, 2, "end_turn", True)


def test_an_error_inside_a_200_is_a_failure():
    """The native path forwards no failure as an answer."""
    with pytest.raises(UpstreamFailure):
        OPENAI_CHAT.reply(b'{"error":{"message":"busy"}}', asking(), TARGET)


def replay(chunks, messages):
    """Events through decoder, translator and grammar, and the failure that ended them, if any."""
    decoder, grammar = SseDecoder(), Grammar()
    translator = OPENAI_CHAT.translator(messages, TARGET)
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


def passed(text, messages=None):
    """What a Chat client would receive of a stream, and the failure that ended it."""
    events, failure = replay((text,), messages or asking(**ASKED))
    assert all(event.native is not None for event in events)
    return b"".join(event.native for event in events), failure


def frame(text):
    return b"data: " + text + b"\n\n"


ASK_TEXT = (
    frame(b'{"id":"c","model":"vendor/real","choices":[{"index":0,"delta":{"role":"assistant","content":"hi"}}]}')
    + frame(b'{"id":"c","model":"vendor/real","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}')
    + frame(b"[DONE]")
)
USAGE = frame(b'{"id":"c","model":"vendor/real","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}')


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recordings_pass_untouched_but_for_the_model(path):
    """Of every vendor's recording each frame reaches the client, the model renamed, comments left out."""
    text = path.read_bytes()
    received, failure = passed(text)
    expected = []
    for event in SseDecoder().feed(text):
        if event.is_comment or event.data == b"[DONE]":
            continue
        expected.append(json.loads(event.data))
        if "model" in expected[-1]:
            expected[-1]["model"] = "claude-x"
    got = [json.loads(event.data) for event in SseDecoder().feed(received) if event.data != b"[DONE]"]
    if failure is None:
        assert got == expected
        assert received.endswith((b"data: [DONE]\n\n", b"data: [DONE]\r\n\r\n"))
    else:
        assert got == expected[: len(got)]
        assert b"[DONE]" not in received


def test_bytes_are_kept():
    """Spelling, order and blanks of a frame stay; only the model's value is another."""
    text = b'id: 7\ndata:{ "z" : 1.0,"model" : "vendor/real" , "choices":[{"delta":{"content":"vendor/real"}}] }\n\n'
    received, _ = passed(text + ASK_TEXT)
    assert received == (text + ASK_TEXT).replace(b'"model" : "vendor/real"', b'"model" : "claude-x"').replace(
        b'"model":"vendor/real"', MODEL
    )


def test_data_on_several_lines_is_joined():
    """A frame whose data spans lines is written on one."""
    received, _ = passed(b'event: x\ndata: {"model":"vendor/real",\ndata: "choices":[]}\n\n' + ASK_TEXT)
    assert received.startswith(b'event: x\ndata: {"model":"claude-x", "choices":[]}\n\n')


def test_what_means_nothing_in_messages_still_passes():
    """Events that make no Messages event travel on pings, so that no part of the answer is lost."""
    extra = frame(b'{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"logprobs":{"content":[]}}]}')
    events, _ = replay((ASK_TEXT[: ASK_TEXT.index(b"\n\n") + 2] + extra + ASK_TEXT,), asking(**ASKED))
    assert next(event.native for event in events if event.type == "ping") == extra
    assert passed(b": keepalive\n\n" + ASK_TEXT)[0] == ASK_TEXT.replace(b"vendor/real", b"claude-x")


def test_usage_reaches_only_who_asked():
    """The chunk that we asked for ourselves is read and dropped; a usage beside choices is the upstream's own way."""
    text = ASK_TEXT.replace(b"data: [DONE]", USAGE + b"data: [DONE]")
    renamed = text.replace(b"vendor/real", b"claude-x")
    assert passed(text)[0] == renamed
    quiet = asking(stream=True)
    assert passed(text, quiet)[0] == renamed.replace(USAGE.replace(b"vendor/real", b"claude-x"), b"")
    events, _ = replay((text,), quiet)
    ending = next(event.payload() for event in events if event.type == "message_delta")
    assert ending["usage"]["output_tokens"] == 2


def test_a_missing_end_mark_is_added():
    """An upstream that finishes without `[DONE]` leaves the client with a proper end."""
    received, failure = passed(ASK_TEXT.removesuffix(frame(b"[DONE]")))
    assert failure is None
    assert received == ASK_TEXT.replace(b"vendor/real", b"claude-x")


def test_nothing_follows_the_end():
    """What an upstream says after `[DONE]` is not for the client."""
    assert passed(ASK_TEXT + ASK_TEXT)[0] == ASK_TEXT.replace(b"vendor/real", b"claude-x")


def test_a_cut_stream_is_a_failure_without_an_end():
    """A stream that ends before its finish reason never looks finished."""
    received, failure = passed(ASK_TEXT[: ASK_TEXT.index(b"\n\n") + 2])
    assert failure.kind is FailureKind.GARBLED
    assert b"[DONE]" not in received


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(RECORDINGS), st.data())
def test_cuts_do_not_matter(path, data):
    """However the network cuts a stream, the client receives the same bytes."""
    text = path.read_bytes()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    events, failure = replay(pieces, asking(**ASKED))
    whole, whole_failure = replay((text,), asking(**ASKED))
    assert [event.native for event in events] == [event.native for event in whole]
    assert failure == whole_failure


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["model", "choices", "usage", "error", "id"]),
            st.none() | st.just([]) | st.just([{"delta": {"content": "x"}}]) | st.just({"prompt_tokens": 1}),
            max_size=3,
        ).map(lambda event: json.dumps(event).encode())
        | st.binary(max_size=5),
        max_size=5,
    )
)
def test_odd_events_fail_in_one_way(texts):
    """Whatever an upstream sends, the translator forwards it or raises an UpstreamFailure."""
    translator = OPENAI_CHAT.translator(asking(stream=True), TARGET)
    with suppress(UpstreamFailure):
        for text in texts:
            for event in translator.feed(ServerSentEvent("", text, b"data: " + text + b"\n\n")):
                assert isinstance(event.native, bytes)
        translator.finish()


def test_every_chat_preset_takes_the_native_path():
    """The native path depends on the wire format alone, not on the vendor."""
    for preset in (preset for preset in PRESETS.values() if preset.wire_format == "openai_chat"):
        body = json.loads(sent(asking(seed=7), target(preset=preset.name, model="m")))
        assert body == {"model": "m", "messages": [TURN], "seed": 7}
