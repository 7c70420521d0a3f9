"""The whole request has a deadline, wherever it is when it comes."""

import httpx
import pytest

from providers.targets import Timeouts
from tests import cast
from tests.live import config_of, events_of

BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


def configure(live, upstream, path, total):
    waits = Timeouts(30, 30, 30, total)
    targets = [cast.target(name, base_url=f"{upstream.url}/{path}", timeouts=waits) for name in ("first", "second")]
    live.configure(config_of({"smart": targets}, timeouts=waits))


def post(live, stream):
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(f"{live.url}/v1/messages", json={**BODY, "stream": stream})


@pytest.mark.parametrize("stream", [True, False])
def test_an_upstream_that_says_nothing_is_left_at_the_deadline(live, upstream, stream):
    """Before any content it is a 504 that names the limit; nobody else is asked, and the call is cut."""
    configure(live, upstream, "hang", 1.5)
    answer = post(live, stream)
    assert (answer.status_code, answer.json()["error"]["type"]) == (504, "timeout_error")
    assert "1.5 s" in answer.json()["error"]["message"]
    assert (live.record().outcome, live.record().status, len(upstream.requests)) == ("error", 504, 1)
    assert upstream.wait_aborted()


def test_a_stream_that_has_begun_ends_with_an_error_event(live, upstream):
    """After content it is an error event, never a false end."""
    configure(live, upstream, "silent/60", 1.5)
    events = [event.payload() for event in events_of(post(live, True).content)]
    assert events[-1]["type"] == "error" and events[-1]["error"]["type"] == "timeout_error"
    assert live.record().outcome == "interrupted"
    assert upstream.wait_aborted()
