"""Requests that still run when the server's patience with them is over."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from proxy import engine, health
from tests import cast
from tests.live import config_of

WORDS = "the server is ending; send this again"
ASKS = {
    "messages": {"max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]},
    "chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "responses": {"input": "hi"},
}


def end_all(live):
    """As the server does it, in the thread of its loop, once a request is under way."""
    live.wait_for(lambda: engine._deadlines)
    (deadline,) = engine._deadlines
    deadline._task.get_loop().call_soon_threadsafe(engine.end_all)


@pytest.fixture
def configured(live, upstream):
    def to(fault):
        live.configure(config_of({"smart": [cast.target("slow", base_url=f"{upstream.url}/{fault}")]}))

    return to


@pytest.mark.parametrize("path", ASKS)
def test_a_stream_that_has_begun_ends_with_an_error(live, configured, path):
    """In the client's dialect; the row says that it was interrupted and by what, and nobody is benched for it."""
    configured("silent/30")
    body = {"model": "smart", "stream": True, **ASKS[path]}
    with (
        httpx.Client(trust_env=False, timeout=20) as client,
        client.stream("POST", f"{live.url}/v1/{path}", json=body) as answer,
    ):
        pieces = answer.iter_text()
        told = next(pieces)
        end_all(live)
        told += "".join(pieces)
    assert answer.status_code == 200 and WORDS in told
    record = live.record()
    assert (record.outcome, record.status, record.error) == ("interrupted", 503, WORDS)
    assert [(entry.outcome, entry.message) for entry in record.attempts] == [("interrupted", "the server ended")]
    assert not health.BOARD.snapshot() and not engine._deadlines


@pytest.mark.parametrize("stream", [True, False])
def test_who_got_nothing_yet_gets_a_503(live, configured, upstream, stream):
    """With the time to come back: another server may answer the same request then."""
    configured("hang")
    body = {"model": "smart", "stream": stream, **ASKS["messages"]}
    with httpx.Client(trust_env=False, timeout=20) as client, ThreadPoolExecutor(1) as other:
        sent = other.submit(client.post, f"{live.url}/v1/messages", json=body)
        assert upstream.wait_for(lambda up: up.requests)
        end_all(live)
        answer = sent.result()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["error"] == {"type": "api_error", "message": WORDS}
    assert (live.record().outcome, live.record().attempts[0].message) == ("error", "the server ended")
    assert not health.BOARD.snapshot()
