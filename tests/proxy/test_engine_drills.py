"""Drills as clients meet them: one provider fails for one client key, over real sockets, and for nobody else."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest

from providers.targets import Timeouts
from proxy import budget, drill, engine, health
from proxy.config import DrillConfig, KeyConfig
from proxy.models.client_key import digest_of
from tests import cast
from tests.clock import Clock
from tests.live import config_of, events_of

NATIVE, CHAT = "anthropic-compatible", "openai-compatible"
EVERY_FORMAT = [NATIVE, CHAT, "openai", "gemini"]
BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
KEYS = {digest_of(name): KeyConfig(name, digest_of(name)) for name in ("mine", "theirs")}
START = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Hands:
    """A clock that a test moves, and that knows how often it was looked at: a hang looks again and again."""

    def __init__(self):
        self.moment = START
        self.looks = 0

    def __call__(self):
        self.looks += 1
        return self.moment

    def hangs(self):
        return self.looks > 5


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    hands = Hands()
    monkeypatch.setattr(drill, "now", hands)
    monkeypatch.setattr(drill, "POLL_S", 0.01)
    monkeypatch.setattr(engine, "random", SimpleNamespace(random=lambda: 0.0))  # no pause before a repeat
    return hands


def at(upstream, path, name, preset=NATIVE, **fields):
    named = (("x-name", name),)
    return cast.target(name, preset=preset, base_url=f"{upstream.url}/{path}", extra_headers=named, **fields)


def a_drill(fault="529", provider="first", key="mine", cut_after=3, minutes=10):
    return DrillConfig(7, provider, key, fault, cut_after, START + timedelta(minutes=minutes))


def chain(upstream, first="ok", preset=NATIVE, drills=(), **fields):
    targets = [at(upstream, first, "first", preset, **fields), at(upstream, "ok", "second")]
    return config_of({"smart": targets}, keys=KEYS, drills=drills)


def post(live, key="mine", path="/v1/messages", **fields):
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(live.url + path, json={**BODY, **fields}, headers={"x-api-key": key} if key else {})


def called(upstream):
    return [request.headers["x-name"] for request in upstream.requests]


def text_of(answer):
    payloads = [event.payload() for event in events_of(answer.content)]
    return "".join(p["delta"].get("text", "") for p in payloads if p["type"] == "content_block_delta")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("preset", EVERY_FORMAT)
@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [("429", "rate_limited", 429), ("529", "overloaded", 529), ("refused", "unreachable", 0), ("hang", "timed_out", 0)],
)
def test_the_next_target_serves_and_the_provider_is_not_called(live, upstream, preset, fault, kind, status, stream):
    """A status, a refusal and a hang are met here: nothing is paid, the row and x-ccm-why say that it is a drill."""
    quick = Timeouts(2.0, 0.05, 2.0, 20.0)
    live.configure(chain(upstream, preset=preset, drills=(a_drill(fault),), timeouts=quick))
    answer = post(live, stream=stream)
    assert (answer.status_code, answer.headers["x-ccm-provider"]) == (200, "second")
    assert "(drill)" in answer.headers["x-ccm-why"]
    assert called(upstream) == ["second"]
    record = live.record()
    failed = record.attempts[:-1]
    assert {(attempt.outcome, attempt.status, attempt.drill) for attempt in failed} == {(kind, status, 7)}
    assert all(attempt.message.startswith("drill: ") for attempt in failed)
    assert record.attempts[-1].drill is None


def test_nothing_is_held_against_the_provider(live, upstream, monkeypatch):
    """Neither its health nor the repeats that all clients share are touched, however often the drill bites."""
    monkeypatch.setattr(budget, "AT_LEAST", 0)
    live.configure(chain(upstream, drills=(a_drill("529"), a_drill("cut", "second", "theirs"))))
    for _ in range(3):
        assert post(live).status_code == 200
    assert [attempt.outcome for attempt in live.records[0].attempts] == ["overloaded", "overloaded", "ok"]
    assert health.BOARD.snapshot() == {}
    assert budget.BUDGET._repeats == 0


def test_a_drilled_request_is_no_probe(live, upstream, monkeypatch):
    """Where the target has really failed, a drill neither forgives it nor keeps the others from trying it."""
    config = chain(upstream, drills=(a_drill(),))
    live.configure(config)
    first = config.models["smart"].targets[0]
    health.BOARD.failed(first, cast.failure("overloaded"))
    monkeypatch.setattr(health.BOARD, "now", Clock(time.monotonic() + 3000))
    expected = health.BOARD.snapshot()
    assert post(live).headers["x-ccm-provider"] == "second"
    assert health.BOARD.snapshot() == expected


@pytest.mark.parametrize("key", ["theirs", ""])
def test_other_keys_are_unaffected(live, upstream, key):
    """Who shows another key, or none, is served as ever while the drill runs."""
    live.configure(chain(upstream, drills=(a_drill(),)))
    answer = post(live, key)
    assert answer.headers["x-ccm-provider"] == "first"
    assert "drill" not in answer.headers["x-ccm-why"]
    assert live.record().attempts[0].drill is None


def test_other_providers_are_unaffected(live, upstream):
    """A drill of the second target leaves the first alone."""
    live.configure(chain(upstream, drills=(a_drill(provider="second"),)))
    assert post(live).headers["x-ccm-provider"] == "first"
    assert len(live.record().attempts) == 1


def test_requests_without_a_key_have_drills_of_their_own(live, upstream):
    """A drill without a key bites those that show none, and nobody who shows one."""
    live.configure(chain(upstream, drills=(a_drill(key=""),)))
    assert post(live, "").headers["x-ccm-provider"] == "second"
    assert post(live, "mine").headers["x-ccm-provider"] == "first"


def test_counts_are_left_alone(live, upstream):
    """Tokens are counted at the provider that fails on purpose."""
    live.configure(chain(upstream, preset="anthropic", drills=(a_drill(),)))
    assert post(live, path="/v1/messages/count_tokens").json()["input_tokens"] > 0
    assert called(upstream) == ["first"]


def test_it_ends_by_itself(live, upstream, clock):
    """When its time is over the provider serves again, though no configuration was loaded since."""
    live.configure(chain(upstream, drills=(a_drill(minutes=10),)))
    clock.moment = START + timedelta(minutes=9, seconds=59)
    assert post(live).headers["x-ccm-provider"] == "second"
    clock.moment = START + timedelta(minutes=10)
    assert post(live).headers["x-ccm-provider"] == "first"


@pytest.mark.parametrize("end", ["its time is over", "it is stopped"])
def test_a_hang_ends_with_its_drill(live, upstream, clock, end):
    """A request that hangs goes on as soon as the drill is over: here the same target serves it."""
    live.configure(chain(upstream, drills=(a_drill("hang"),), timeouts=Timeouts(2, 15, 2, 20)))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, live, stream=True)
        live.wait_for(clock.hangs)
        assert clock.hangs() and not waiting.done()
        if end == "it is stopped":
            live.configure(chain(upstream))
        else:
            clock.moment += timedelta(hours=1)
        answer = waiting.result(10)
    assert answer.headers["x-ccm-provider"] == "first"
    assert [(attempt.outcome, attempt.drill) for attempt in live.record().attempts] == [
        ("unreachable", 7),
        ("ok", None),
    ]


@pytest.mark.parametrize("preset", EVERY_FORMAT)
def test_a_stream_that_is_cut_goes_on_elsewhere(live, upstream, preset):
    """So much text comes through, the next target writes the rest, and what was paid for twice is known."""
    live.configure(chain(upstream, preset=preset, drills=(a_drill("cut"),)))
    answer = post(live, stream=True)
    assert text_of(answer) == "Hello"
    assert called(upstream) == ["first", "second"]
    assert upstream.requests[-1].json["messages"][1] == {"role": "assistant", "content": "Hel"}
    record = live.record()
    cut = record.attempts[0]
    assert (record.outcome, cut.outcome, cut.drill) == ("ok", "interrupted", 7)
    assert cut.message == "drill: cut after 3 characters"
    assert cut.tokens_out > 0
    assert "interrupted (drill)" in record.why
    assert health.BOARD.snapshot() == {}


def test_a_cut_stream_tells_the_tokens_of_its_prompt(live, upstream):
    """Where the upstream told the prompt's tokens before the cut, the attempt has them, cache included."""
    upstream.play(list(cast.anthropic_stream()))
    live.configure(chain(upstream, "play", drills=(a_drill("cut"),)))
    post(live, stream=True)
    assert live.record().attempts[0].tokens_in == 10


@pytest.mark.parametrize("stream", [True, False])
def test_a_cut_before_any_text_begins_anew(live, upstream, stream):
    """An answer that breaks off at once, streamed or whole, is repeated and then fails over unseen."""
    live.configure(chain(upstream, drills=(a_drill("cut", cut_after=0),)))
    answer = post(live, stream=stream)
    assert answer.headers["x-ccm-provider"] == "second"
    assert [(attempt.outcome, attempt.drill) for attempt in live.record().attempts] == [
        ("unreachable", 7), ("unreachable", 7), ("ok", None),
    ]  # fmt: skip
    assert called(upstream) == ["first", "first", "second"]


@pytest.mark.parametrize("preset", EVERY_FORMAT)
def test_a_whole_answer_that_is_cut_is_lost(live, upstream, preset):
    """Half a body is no answer: the next target answers, and the tokens of the lost one are in its attempt."""
    live.configure(chain(upstream, preset=preset, drills=(a_drill("cut"),)))
    answer = post(live)
    assert answer.json()["content"][0]["text"] == "Hello"
    record = live.record()
    assert [attempt.drill for attempt in record.attempts] == [7, 7, None]
    assert record.attempts[0].tokens_in > 0 and record.attempts[0].tokens_out > 0
    assert record.usage.output > 0


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_with_less_text_is_not_cut(live, upstream, stream):
    """Where the text ends before the cut the answer is whole and its attempt bears no mark."""
    live.configure(chain(upstream, drills=(a_drill("cut", cut_after=6),)))
    answer = post(live, stream=stream)
    assert (answer.status_code, answer.headers["x-ccm-provider"]) == (200, "first")
    assert live.record().attempts[0].drill is None
    assert health.BOARD.snapshot() == {}


def test_a_real_failure_under_a_cut_is_real(live, upstream):
    """What the provider itself does wrong while a cut waits for text counts as ever."""
    live.configure(chain(upstream, "status/401", drills=(a_drill("cut"),)))
    assert post(live, stream=True).headers["x-ccm-provider"] == "second"
    assert live.record().attempts[0].drill is None
    assert len(health.BOARD.snapshot()) == 1


def test_a_cut_that_nobody_goes_on_with_is_a_lost_turn(live, upstream):
    """With no other target the stream ends with an error event that says it was a drill."""
    alone = config_of({"smart": [at(upstream, "ok", "first")]}, keys=KEYS, drills=(a_drill("cut"),))
    live.configure(alone)
    last = events_of(post(live, stream=True).content)[-1]
    assert last.type == "error" and "drill" in json.dumps(last.payload())
    assert live.record().outcome == "interrupted"


def test_without_another_target_the_client_is_told_of_the_drill(live, upstream):
    """The error has the status of the fault, and its words say that it was made on purpose."""
    live.configure(config_of({"smart": [at(upstream, "ok", "first")]}, keys=KEYS, drills=(a_drill("429"),)))
    answer = post(live)
    assert answer.status_code == 429
    assert "drill: status 429" in answer.json()["error"]["message"]
    assert upstream.requests == []


def test_a_hang_takes_no_slot(live, upstream, clock):
    """A provider with a limit of calls at once has all of them for the others while a drilled client hangs."""
    config = chain(upstream, drills=(a_drill("hang"),), max_concurrency=1, timeouts=Timeouts(2, 15, 2, 20))
    live.configure(config)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, live, stream=True)
        live.wait_for(clock.hangs)
        assert post(live, "theirs").headers["x-ccm-provider"] == "first"
        assert not waiting.done()
        live.configure(replace(config, drills=()))
        assert waiting.result(10).status_code == 200


def test_a_session_returns_when_the_drill_is_over(live, upstream, clock):
    """A drill leaves no trace: the session that failed over is at its first target again."""
    live.configure(chain(upstream, drills=(a_drill(),)))
    with httpx.Client(trust_env=False, timeout=20) as client:

        def ask():
            headers = {"x-api-key": "mine", "x-claude-code-session-id": "s-1"}
            return client.post(f"{live.url}/v1/messages", json=BODY, headers=headers).headers["x-ccm-provider"]

        during = ask()
        clock.moment += timedelta(hours=1)
        assert (during, ask()) == ("second", "first")
