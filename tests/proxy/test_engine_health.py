"""Health as clients meet it: real requests through the real server to a scripted upstream."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from providers.errors import Failure, FailureKind
from proxy import budget, engine, health
from tests import cast
from tests.clock import Clock
from tests.live import config_of

BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


def at(upstream, path, name):
    return cast.target(name, base_url=f"{upstream.url}/{path}")


def post(live, path="/v1/messages", **body):
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(live.url + path, json={**BODY, **body})


def calls(upstream, path):
    return sum(request.path.startswith(f"/{path}/") for request in upstream.requests)


@pytest.fixture
def clock(monkeypatch):
    moved = Clock()
    monkeypatch.setattr(health.BOARD, "now", moved)
    return moved


@pytest.mark.parametrize("stream", [True, False])
def test_twenty_requests_make_one_probe(live, upstream, clock, stream):
    """After the cooldown one request goes to the target that failed; until it has answered the others go elsewhere."""
    first, second = at(upstream, "after/20", "first"), at(upstream, "ok", "second")
    live.configure(config_of({"smart": [first, second]}))
    health.BOARD.failed(first, Failure(FailureKind.OVERLOADED, "busy"))
    clock.now += 3600
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post(live, stream=stream), range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
    assert (calls(upstream, "after"), calls(upstream, "ok")) == (1, 19)
    assert health.BOARD.snapshot() == {}


def test_a_refused_key_is_not_asked_again(live, upstream):
    """The second request goes straight to the next target, and says who is cooling."""
    live.configure(config_of({"smart": [at(upstream, "status/401", "first"), at(upstream, "ok", "second")]}))
    assert post(live).status_code == 200
    assert "cooling: first" in post(live).headers["x-ccm-why"]
    assert calls(upstream, "status") == 1


def test_when_all_cool_all_are_tried(live, upstream, clock):
    """Targets that all cool are called all the same, the one that is ready soonest first."""
    live.configure(config_of({"smart": [at(upstream, "status/500", "first"), at(upstream, "ok", "second")]}))
    for target, seconds in (("first", 900), ("second", 60)):
        health.BOARD.failed(cast.target(target), Failure(FailureKind.RATE_LIMITED, "no", 429, seconds))
    assert post(live).headers["x-ccm-provider"] == "second"
    assert calls(upstream, "status") == 0


def test_a_count_forgives_nobody(live, upstream):
    """Tokens can be counted where messages are limited."""
    first = at(upstream, "ok", "first")
    live.configure(config_of({"smart": [first]}))
    health.BOARD.failed(first, Failure(FailureKind.RATE_LIMITED, "no", 429))
    assert post(live, "/v1/messages/count_tokens").json()["input_tokens"] > 0
    assert [known.streak for known in health.BOARD.snapshot().values()] == [1]


def test_an_answer_of_our_own_forgives_nobody(live, upstream):
    """A request that warms a cache is answered here for a translated target: that says nothing of its health."""
    first = cast.target("first", preset="openai-compatible", base_url=f"{upstream.url}/ok")
    live.configure(config_of({"smart": [first]}))
    health.BOARD.failed(first, Failure(FailureKind.RATE_LIMITED, "no", 429))
    assert post(live, max_tokens=0).status_code == 200
    assert upstream.requests == []
    assert [known.streak for known in health.BOARD.snapshot().values()] == [1]


def test_an_outage_makes_no_storm(live, upstream):
    """When the only target is down, the calls beyond the requests stay within the budget."""
    live.configure(config_of({"smart": [at(upstream, "status/500", "only")]}))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine.random, "random", lambda: 0.0)
        for _ in range(25):
            assert post(live).status_code == 529
    assert len(upstream.requests) == 25 + budget.AT_LEAST
