"""Streams that nobody asked for, read as whole answers."""

import json

import pytest

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.anthropic_messages import ANTHROPIC_MESSAGES
from providers.outbound.openai_chat import OPENAI_CHAT
from providers.outbound.streamed import streamed_reply
from tests.cast import anthropic_stream, frame, request, target

STREAM = b"".join(anthropic_stream())


def read(body):
    return streamed_reply(body, ANTHROPIC_MESSAGES.translator(request(), target()))


def test_a_stream_is_the_reply_it_tells():
    """The reply holds the stream's content, counts and stop reason, under the client's model name."""
    reply = read(STREAM)
    told = json.loads(reply.body)
    assert (told["model"], told["content"]) == ("claude-x", [{"type": "text", "text": "Hello"}])
    assert (reply.usage.input, reply.usage.output, reply.stop_reason) == (7, 5, "end_turn")


def test_the_upstreams_own_dialect_is_read():
    """Any format's translator will do."""
    chunk = {"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}
    reply = streamed_reply(b"data: %s\n\n" % json.dumps(chunk).encode(), OPENAI_CHAT.translator(request(), target()))
    assert json.loads(reply.body)["content"] == [{"type": "text", "text": "Hi"}]


@pytest.mark.parametrize(
    "body", [b"", STREAM[:-50], STREAM.replace(b'"index": 0', b'"index": 4'), b"data: " * 2_000_000]
)
def test_a_stream_that_is_no_answer_is_garbled(body):
    """One that is cut, out of order or one endless event."""
    with pytest.raises(UpstreamFailure) as broken:
        read(body)
    assert broken.value.failure.kind is FailureKind.GARBLED


def test_an_error_in_the_stream_is_that_failure():
    """What the stream reports is what the attempt failed of."""
    wrong = frame(type="error", error={"type": "overloaded_error", "message": "Overloaded"})
    with pytest.raises(UpstreamFailure) as broken:
        read(STREAM[: STREAM.index(b"event: content_block_stop")] + wrong)
    assert broken.value.failure.kind is FailureKind.OVERLOADED
