"""An error is what its status says, whatever its body is."""

import httpx
import pytest

from providers.errors import UpstreamFailure
from proxy.record import AttemptRecord
from proxy.upstream import checked
from tests import cast
from tests.live import config_of
from tests.proxy.sweeping import Answer

BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


def ask(live, upstream, path, stream):
    live.configure(config_of({"smart": [cast.target(base_url=f"{upstream.url}/{path}")]}))
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(f"{live.url}/v1/messages", json={**BODY, "stream": stream})


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("status", "kind", "told"), [(429, "rate_limited", 429), (401, "refused_key", 502), (400, "rejected", 400)]
)
def test_an_error_with_a_huge_body_is_what_its_status_says(live, upstream, status, kind, told, stream):
    """A page of 100 kB around a 429 is a rate limit, not a garbled answer."""
    upstream.play(b"<html>" + b"x" * 100_000, status, "text/html")
    assert ask(live, upstream, "play", stream).status_code == told
    assert live.record().attempts[0].outcome == kind


async def test_an_error_that_breaks_off_is_what_its_status_says():
    """A 400 whose body is cut short is no reason to ask again: the request was refused."""
    entry = AttemptRecord(1, "main", "m")
    with pytest.raises(UpstreamFailure) as raised:
        await checked(entry, cast.target(), Answer(400, "reset", 1))
    assert (raised.value.failure.kind, raised.value.failure.status, entry.status) == ("rejected", 400, 400)
