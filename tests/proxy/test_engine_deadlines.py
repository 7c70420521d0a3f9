"""Each wait as it really ends a call, over real sockets: the whole answer's above all, which may end a running one."""

from dataclasses import replace

import httpx
import pytest

from providers.targets import Timeouts
from proxy import health, pace
from proxy.config import StreamConfig
from tests import cast
from tests.live import config_of, events_of

BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


def at(upstream, path, name, **waits):
    general = Timeouts(connect=2, first_content=10, idle=10, total=20)
    return cast.target(name, base_url=f"{upstream.url}/{path}", timeouts=replace(general, **waits))


def post(live, **fields):
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(f"{live.url}/v1/messages", json={**BODY, **fields})


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("waits", "words"),
    [
        ({"first_content": 0.06}, "within"),
        ({"total": 0.3}, "within 0.3 s"),
    ],
)
def test_a_target_that_does_not_answer_in_its_time_is_left(live, upstream, waits, words, stream):
    """Its wait for the first content, or for the whole answer, ends the call, and the next target answers."""
    live.configure(config_of({"smart": [at(upstream, "hang", "slow", **waits), at(upstream, "ok", "good")]}))
    assert post(live, stream=stream).headers["x-ccm-provider"] == "good"
    first = live.record().attempts[0]
    assert first.outcome == "timed_out" and words in first.message


def test_an_answer_that_goes_on_beyond_its_time_is_gone_on_with_elsewhere(live, upstream):
    """A stream that never falls silent still ends when its target's time is over; the next target goes on."""
    live.configure(config_of({"smart": [at(upstream, "slow/400", "slow", total=3), at(upstream, "ok", "good")]}))
    events = events_of(post(live, stream=True).content)
    assert events[-1].type == "message_stop"
    first, second = live.record().attempts
    assert (first.outcome, first.message) == ("interrupted", "the answer was not over within 3 s")
    assert second.outcome == "ok"


@pytest.fixture
def quick(monkeypatch):
    """Says of a target that it has lately been quick: a third of a second is late for it."""
    monkeypatch.setattr(pace, "FLOOR_S", 0.3)

    def noted(target, thinks=False):
        for _ in range(pace.ENOUGH):
            pace.PACE.note(pace.kind_of(target, thinks, 100), 0.05)
        return target

    return noted


def adaptive(live, *targets, on=True):
    live.configure(replace(config_of({"smart": targets}), streams=StreamConfig(adaptive_first_content=on)))


@pytest.mark.parametrize("fault", ["hang", "hdrhang", "pinghang"])
def test_a_target_that_is_late_by_its_own_times_is_left(live, upstream, quick, fault):
    """Whether it says nothing or begins and stalls; the answer says so, and it is benched as after any timeout."""
    slow = quick(at(upstream, fault, "slow"))
    adaptive(live, slow, at(upstream, "ok", "good"))
    answer = post(live, stream=True)
    assert "slow/glm-4.6: timed_out, no content within 0.3 s (adaptive)" in answer.headers["x-ccm-why"]
    assert answer.headers["x-ccm-provider"] == "good"
    (ailment,) = health.BOARD.snapshot().values()
    assert (ailment.kind, ailment.streak) == ("timed_out", 1)
    assert len(pace.PACE._seen[pace.kind_of(slow, False, 100)]) == pace.ENOUGH + 1


def test_the_last_target_is_never_given_up_early(live, upstream, quick):
    """Nobody comes after it: its time is the configured one, and what it took is remembered."""
    slow = quick(at(upstream, "slow/250", "slow"))
    adaptive(live, slow)
    assert events_of(post(live, stream=True).content)[-1].type == "message_stop"
    assert max(seconds for _, seconds in pace.PACE._seen[pace.kind_of(slow, False, 100)]) > 0.3


def test_without_the_setting_or_of_another_kind_the_configured_time_holds(live, upstream, quick):
    """Off, its own times limit nothing; on, those of requests that think say nothing of others."""
    for on, thinks in ((False, False), (True, True)):
        slow = quick(at(upstream, "slow/150", f"slow-{on}"), thinks)
        adaptive(live, slow, at(upstream, "ok", "good"), on=on)
        assert post(live, stream=True).headers["x-ccm-provider"] == slow.provider


@pytest.mark.parametrize("stream", [True, False])
def test_the_request_s_own_time_ends_it_whoever_is_called(live, upstream, stream):
    """When all time is used up the client gets a 504, and the call under way is told as timed out."""
    config = config_of({"smart": [at(upstream, "hang", name, total=1) for name in "abc"]})
    live.configure(replace(config, timeouts=Timeouts(total=1.8)))
    answer = post(live, stream=stream)
    assert (answer.status_code, answer.json()["error"]["type"]) == (504, "timeout_error")
    assert [attempt.outcome for attempt in live.record().attempts] == ["timed_out", "timed_out"]
    assert live.record().outcome == "error"
