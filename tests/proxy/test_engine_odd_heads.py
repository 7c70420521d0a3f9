"""Answers whose heads are not as they should be, and whose bodies are good all the same."""

import httpx
import pytest

from tests import cast
from tests.live import config_of, events_of

BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


def ask(live, path, preset, upstream, stream):
    live.configure(config_of({"smart": [cast.target("main", preset, base_url=f"{upstream.url}/{path}")]}))
    with httpx.Client(trust_env=False, timeout=20) as client:
        answer = client.post(f"{live.url}/v1/messages", json={**BODY, "stream": stream})
    assert answer.status_code == 200, answer.text
    assert "content-encoding" not in answer.headers
    return answer


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("preset", ["anthropic-compatible", "openai-compatible"])
def test_an_answer_that_was_compressed_unasked_is_an_answer(live, upstream, preset, stream):
    """The client gets it plain, as it had asked for."""
    told = [ask(live, path, preset, upstream, stream) for path in ("ok", "packed/gzip")]
    if stream:
        names = [[event.type for event in events_of(answer.content)] for answer in told]
        assert names[0] == names[1]
    else:
        assert told[0].json()["content"] == told[1].json()["content"]


def test_an_event_stream_may_be_called_so_in_capitals(live, upstream):
    """The names of media types have no case (RFC 9110, 8.3.1)."""
    plain = ask(live, "ok", "anthropic-compatible", upstream, True).content
    upstream.play(plain, 200, "Text/Event-Stream; charset=UTF-8")
    assert ask(live, "play", "anthropic-compatible", upstream, True).content == plain
