"""The live proxy of the tests: what it promises about the streams that leave it."""

import httpx
import pytest

from tests.cast import anthropic_stream
from tests.live import running

WHOLE = b"".join(anthropic_stream())


def application(stream):
    """Answers every path with this stream."""

    async def answer(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": stream[:100], "more_body": True})
        await send({"type": "http.response.body", "body": stream[100:]})

    return answer


def ask(stream, path):
    with running(application(stream)) as live:
        assert httpx.post(live.url + path, content=b"{}", trust_env=False).content == stream


@pytest.mark.parametrize("stream", [WHOLE[:-20], WHOLE.replace(b'"index": 0', b'"index": 1'), WHOLE + WHOLE, b""])
def test_a_test_whose_stream_is_illegal_fails(stream):
    """A stream to a Messages client that is cut or out of order fails the test it was made in."""
    with pytest.raises(AssertionError):
        ask(stream, "/v1/messages?beta=true")


def test_legal_streams_and_other_dialects_are_let_be():
    """A legal stream passes, and so does one to a client of another dialect."""
    ask(WHOLE, "/v1/messages")
    ask(b"data: [DONE]\n\n", "/v1/chat/completions")
