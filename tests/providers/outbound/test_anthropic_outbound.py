"""The native path: bytes go out and come back untouched but for the model; errors are read in Anthropic's dialect."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.anthropic_messages import ANTHROPIC_MESSAGES, Relay
from providers.outbound.wordings import NO_NUMBERS
from providers.wire.sse import ServerSentEvent, SseDecoder
from tests.cast import KEY, anthropic_stream, frame, request, target
from tests.providers.outbound.odd_bodies import json_values

STREAM = b"".join(anthropic_stream(model="glm-4.6"))
REPLY = (
    b'{"id":"m", "type":"message","model" : "glm-4.6","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn",'
    b'"usage":{"input_tokens":7,"output_tokens":2},"new":1.50}'
)


def relay(*chunks):
    decoder, translator = SseDecoder(), Relay("claude-x")
    events = [e for chunk in chunks for event in decoder.feed(chunk) for e in translator.feed(event)]
    events += [e for event in decoder.finish() for e in translator.feed(event)]
    return events + list(translator.finish())


def failure_of(*chunks):
    with pytest.raises(UpstreamFailure) as caught:
        relay(*chunks)
    return caught.value.failure


def test_only_the_model_of_a_request_changes():
    """The body is the client's but for the model; its headers go along; the key goes as the vendor wants it."""
    asked = request(headers={"anthropic-beta": "b1", "anthropic-version": "2026-10-21"}, beta=True)
    outgoing = ANTHROPIC_MESSAGES.request(asked, target())
    assert outgoing.body == asked.body.replace(b"claude-x", b"glm-4.6")
    assert outgoing.url == "http://127.0.0.1:9/v1/messages?beta=true"
    assert outgoing.headers["x-api-key"] == KEY
    assert (outgoing.headers["anthropic-beta"], outgoing.headers["anthropic-version"]) == ("b1", "2026-10-21")
    assert ANTHROPIC_MESSAGES.request(request(), target()).headers["anthropic-version"] == "2023-06-01"


def test_the_version_is_not_said_twice():
    """A base address that ends in /v1 is not given another."""
    outgoing = ANTHROPIC_MESSAGES.request(request(), target(base_url="http://h/v1"))
    assert outgoing.url == "http://h/v1/messages"


def test_tokens_are_counted_only_where_there_is_a_counter():
    """A vendor with a counter is asked, another is not."""
    assert ANTHROPIC_MESSAGES.count_request(request(), target()) is None
    counting = ANTHROPIC_MESSAGES.count_request(request(), target(preset="anthropic"))
    assert counting is not None
    assert counting.url.endswith("/v1/messages/count_tokens")


def test_a_stream_passes_but_for_the_model():
    """However it is cut, the stream comes out byte for byte, under the model the client asked for."""
    expected = STREAM.replace(b"glm-4.6", b"claude-x")
    assert b"".join(event.frame for event in relay(STREAM)) == expected
    assert b"".join(e.frame for e in relay(*(STREAM[at : at + 1] for at in range(len(STREAM))))) == expected


def test_a_cut_stream_is_a_failure_at_every_position():
    """A stream that ends before message_stop was cut, wherever."""
    stop = STREAM.index(b"event: message_stop")
    for at in range(0, stop, 7):
        assert failure_of(STREAM[:at]).kind is FailureKind.GARBLED


def test_events_without_names_and_over_several_lines_are_framed_anew():
    """A vendor that leaves the names out, or spreads JSON over lines, still makes events a client can read."""
    texts = [event.data.replace(b'{"type"', b'{\ndata:"type"', 1) for event in SseDecoder().feed(STREAM)]
    odd = b"".join(b"data: " + text + b"\n\n" for text in texts)
    events = relay(odd)
    assert [event.type for event in events] == [event.name for event in SseDecoder().feed(STREAM)]
    read = SseDecoder().feed(b"".join(event.frame for event in events))
    assert [json.loads(event.data)["type"] for event in read] == [event.name for event in read]
    assert json.loads(read[0].data)["message"]["model"] == "claude-x"


def test_nothing_follows_message_stop():
    """What comes after the end is dropped; comments and empty pings always are."""
    assert relay(b": hi\n\n", b"event: ping\n\n", STREAM, STREAM, b"data: rubbish\n\n") == relay(STREAM)


@pytest.mark.parametrize(
    "text",
    [b"data: rubbish\n\n", b"event: x\ndata: [1]\n\n", b"data: {nonsense}\n\n", b"data: {}\n\n",
     b'data: {"type":7}\n\n',
     b"event: message_start\ndata: {}\n\n", b'event: message_start\ndata: {"message":7}\n\n'],
)  # fmt: skip
def test_an_event_that_is_no_messages_event_is_garbled(text):
    """What cannot be read is a garbled answer."""
    assert failure_of(text).kind is FailureKind.GARBLED


def test_an_error_event_is_a_failure():
    """An error amid the stream is a failure of the kind it names."""
    wrong = frame(type="error", error={"type": "overloaded_error", "message": "Overloaded"})
    found = failure_of(STREAM[:200].rpartition(b"event:")[0], wrong)
    assert (found.kind, found.message, found.error_type) == (FailureKind.OVERLOADED, "Overloaded", "overloaded_error")


@given(st.sampled_from(["", "error", "message_start", "ping"]), st.binary(max_size=20) | json_values)
def test_no_event_breaks_the_relay(name, value):
    """Any event passes or is a failure of the upstream."""
    data = value if isinstance(value, bytes) else json.dumps({"type": "x", "error": value, "message": value}).encode()
    try:
        passed = Relay("m").feed(ServerSentEvent(name, data, data))
    except UpstreamFailure as error:
        passed = [error.failure.kind]
    assert len(passed) <= 1


def test_only_the_model_of_a_reply_changes():
    """A reply keeps every byte but the model's; usage and stop reason are read for the log."""
    reply = ANTHROPIC_MESSAGES.reply(REPLY, request(), target())
    assert reply.body == REPLY.replace(b"glm-4.6", b"claude-x")
    assert (reply.usage.input, reply.usage.output, reply.stop_reason, reply.has_content) == (7, 2, "end_turn", True)
    assert not ANTHROPIC_MESSAGES.reply(b'{"type":"message","content":[ ]}', request(), target()).has_content


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "garbled"), (b"<html>", "garbled"), (b"[]", "garbled"), (b"{}", "garbled"),
        (b'{"type":"message"}', "garbled"),
        (b'{"type":"message","content":[],"usage":1e999}', "garbled"),
        (b'{"type":"error","error":{"type":"rate_limit_error","message":"m"}}', "rate_limited"),
        (b'{"error":"text"}', "garbled"), (b'{"type":"error"}', "garbled"),
    ],
)  # fmt: skip
def test_what_is_no_reply_is_a_failure(body, kind):
    """A 200 that holds no reply is a failure of the kind it tells of."""
    with pytest.raises(UpstreamFailure) as caught:
        ANTHROPIC_MESSAGES.reply(body, request(), target())
    assert caught.value.failure.kind is FailureKind(kind)


@pytest.mark.parametrize(
    ("status", "type_", "kind"),
    [
        (400, "invalid_request_error", "rejected"), (401, "authentication_error", "refused_key"),
        (402, "billing_error", "quota"), (403, "permission_error", "refused_key"),
        (404, "not_found_error", "no_such_model"),
        (408, "timeout_error", "timed_out"), (413, "request_too_large", "too_long"), (422, "x", "rejected"),
        (429, "rate_limit_error", "rate_limited"), (429, "billing_error", "quota"), (500, "api_error", "overloaded"),
        (529, "overloaded_error", "overloaded"), (302, "", "garbled"),
    ],
)  # fmt: skip
def test_a_status_names_the_kind(status, type_, kind):
    """The status decides, the type refines; message, type and wait are kept, but what is too long is told as such."""
    body = json.dumps({"type": "error", "error": {"type": type_, "message": "words"}}).encode()
    found = ANTHROPIC_MESSAGES.failure(status, {"retry-after": "3"}, body)
    words = NO_NUMBERS if kind == "too_long" else "words"
    assert (found.kind, found.message, found.retry_after_s) == (FailureKind(kind), words, 3.0)
    assert found.error_type == (type_ or None)


def test_a_prompt_that_is_too_long_is_told_so():
    """The wording Claude Code compacts on is kept."""
    words = "prompt is too long: 210000 tokens > 200000 maximum"
    body = json.dumps({"error": {"type": "invalid_request_error", "message": words}}).encode()
    found = ANTHROPIC_MESSAGES.failure(400, {}, body)
    assert (found.kind, found.message) == (FailureKind.TOO_LONG, words)


@given(st.sampled_from([200, 400, 413, 429, 500]), json_values)
def test_no_error_body_breaks_anthropics_reading(status, value):
    """Any JSON as an error body makes a failure with words."""
    for whole in (value, {"error": value}, {"error": {"message": value, "type": value}}):
        assert ANTHROPIC_MESSAGES.failure(status, {}, json.dumps(whole).encode()).message
