"""Memory that runs short: first the bodies for the log go, then new requests are sent away, and streams live."""

import httpx
import pytest

from proxy import memory
from proxy.config import CaptureConfig
from proxy.errors import ApiError
from tests import cast
from tests.live import config_of, events_of

BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def held(monkeypatch):
    """Says how many MB the process holds."""

    def say(megabytes):
        monkeypatch.setattr(memory, "held_bytes", lambda: int(megabytes * 1024 * 1024))

    return say


def test_what_is_held_is_measured():
    """A process of this size holds more than 20 MB and less than the machine has."""
    assert 20_000_000 < memory.held_bytes() < 16_000_000_000


def test_where_it_cannot_be_measured_nothing_is_held(monkeypatch, tmp_path):
    """Without /proc there is no pressure either."""
    monkeypatch.setattr(memory, "_STATM", tmp_path / "none")
    monkeypatch.setattr(memory, "_looked", float("-inf"))
    assert memory.held_bytes() == 0


@pytest.mark.parametrize(
    ("limit", "megabytes", "tight", "full"),
    [(0, 9999, False, False), (100, 79, False, False), (100, 80, True, False), (100, 89, True, False),
     (100, 90, True, True)],
)  # fmt: skip
def test_the_two_marks(held, settings, limit, megabytes, tight, full):
    """At 80 % it is tight, at 90 % full; without a limit never."""
    settings.CCM_MEMORY_LIMIT_MB = limit
    held(megabytes)
    assert memory.is_tight() is tight
    if full:
        with pytest.raises(ApiError) as refused:
            memory.admit()
        assert (refused.value.status, refused.value.type) == (529, "overloaded_error")
        assert refused.value.headers["retry-after"] == "5" and "CCM_MEMORY_LIMIT_MB" in refused.value.message
    else:
        memory.admit()


@pytest.mark.parametrize(("megabytes", "kept"), [(79, True), (80, False)])
def test_92_no_bodies_are_kept_when_it_is_tight(live, upstream, held, settings, megabytes, kept):
    """The request is served and logged all the same."""
    settings.CCM_MEMORY_LIMIT_MB = 100
    held(megabytes)
    target = cast.target("main", base_url=f"{upstream.url}/ok")
    live.configure(config_of({"smart": [target]}, capture=CaptureConfig("all", 10_000)))
    assert httpx.post(live.url + "/v1/messages", json=BODY, trust_env=False).status_code == 200
    assert (live.record().body is not None) is kept


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses"])
def test_92_new_requests_are_sent_away_and_streams_are_kept(live, upstream, held, settings, path):
    """What has begun goes on to its end while who comes now gets 529 with a time to come back, in his dialect."""
    settings.CCM_MEMORY_LIMIT_MB = 100
    held(50)
    live.configure(config_of({"smart": [cast.target("main", base_url=f"{upstream.url}/slow/60")]}))
    with (
        httpx.Client(trust_env=False) as client,
        client.stream("POST", live.url + "/v1/messages", json={**BODY, "stream": True}) as begun,
    ):
        pieces = begun.iter_bytes()
        told = next(pieces)
        held(95)
        refused = httpx.post(live.url + path, json={**BODY, "input": "hi"}, trust_env=False)
        assert (refused.status_code, refused.headers["retry-after"]) == (529, "5")
        assert "memory" in refused.json()["error"]["message"]
        told += b"".join(pieces)
    assert events_of(told)[-1].type == "message_stop"
    held(50)
    assert httpx.post(live.url + "/v1/messages", json=BODY, trust_env=False).status_code == 200
