"""Who is tried first: shares by weight, keys in turn, sessions that stay."""

import itertools
import random
from collections import Counter
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.targets import Secret, SpareKey
from proxy.health import CoolingBoard
from proxy.selection import CACHE_S, MAX_SESSIONS, Selector, arrange, expanded, home_of
from tests import cast
from tests.live import config_of

BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
SPARE = (SpareKey(Secret("sk-spare-number-two"), 2), SpareKey(Secret("sk-spare-number-three"), 3))


def target(name, priority=1, weight=1, **fields):
    return cast.target(name, priority=priority, weight=weight, **fields)


def arranged(targets, session="", stays=None, chance=lambda: 0.5):
    return arrange(targets, session, chance, lambda _: 0, stays)


def names(targets):
    return [one.provider for one in targets]


@pytest.mark.parametrize("by_session", [True, False])
def test_shares_converge_to_the_weights(by_session):
    """Three beside one gets three quarters, drawn by chance and by the sessions' hashes alike."""
    dice = random.Random(11)
    pair = (target("a", weight=3), target("b"))
    draws = 4000
    first = Counter(
        names(arranged(pair, f"session-{number}" if by_session else "", chance=dice.random)[0])[0]
        for number in range(draws)
    )
    assert first["a"] / draws == pytest.approx(0.75, abs=0.03)


def test_home_is_where_a_session_goes_while_all_are_healthy():
    """Who most likely made thinking of a forgotten maker: of the first place, by the session's draw."""
    a, b, c = target("a"), target("b"), target("c", 2)
    chat = target("chat", preset="openai-compatible")
    assert home_of([a], "") == "a"
    assert home_of([chat, c], "") == "c"  # a translated upstream marks what it makes
    assert home_of([chat], "s") == home_of([], "s") == ""
    assert home_of([chat, c], "", "openai_chat") == chat.provider  # but not what goes to a client of its own format
    assert home_of([a, replace(a, actual_model="other"), c], "") == "a"
    assert home_of([c, a, b], "") == ""  # without a session it may have been either
    for number in range(50):
        session = f"session-{number}"
        assert home_of([c, a, b], session) == names(arranged([c, a, b], session)[0])[0]


def test_home_is_neither_moved_by_health_nor_by_a_stay():
    """What is not remembered was made before: a session that has failed over does not take its history along."""
    pair = [target("a"), target("b")]
    board, selector = CoolingBoard(), Selector()
    first = selector.choose(pair, "m", "s", board.order)
    board.failed(first.targets[0], cast.failure("overloaded"))
    second = selector.choose(pair, "m", "s", board.order)
    selector.served(second.seat, second.targets[0])
    board.clear()
    third = selector.choose(pair, "m", "s", board.order)
    assert second.targets[0] == third.targets[0] != first.targets[0]
    homes = {choice.home("anthropic_messages") for choice in (first, second, third)}
    assert homes == {first.targets[0].provider}


targets = st.lists(
    st.builds(
        target, st.sampled_from("abcdef"), st.integers(1, 3), st.integers(1, 9), credential_id=st.just(1),
        spare_keys=st.sampled_from([(), SPARE]),
    ),
    min_size=1, max_size=6, unique_by=lambda one: one.provider,
)  # fmt: skip


@given(targets, st.text(max_size=8), st.integers(0, 9), st.randoms(use_true_random=False))
def test_every_target_appears_once_in_the_order_of_the_priorities(chain, session, turn, dice):
    """Nothing is lost or doubled, no priority is overtaken, and a session's order is always the same."""
    everyone = expanded(chain)
    order, why = arrange(everyone, session, dice.random, lambda _: turn)
    assert Counter(map(id, order)) == Counter(map(id, everyone))
    assert [one.priority for one in order] == sorted(one.priority for one in order)
    assert why.isprintable()
    if session:
        assert arrange(everyone, session, dice.random, lambda _: turn + 1) == (order, why)


def test_the_keys_of_a_provider_come_one_after_the_other():
    """A key that is refused is followed by the next key of the same provider, whatever the draw."""
    everyone = expanded([target("a", credential_id=1, spare_keys=SPARE), target("b")])
    for number in range(20):
        order = names(arranged(everyone, f"s{number}")[0])
        assert order in (["a", "a", "a", "b"], ["b", "a", "a", "a"])


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def selector(clock):
    return Selector(clock, random.Random(5).random)


@pytest.fixture
def board(clock):
    return CoolingBoard(now=clock)


def test_keys_take_turns_without_a_session(selector, board):
    """Each provider counts for itself."""
    pair = [target("a", credential_id=1, spare_keys=SPARE), target("b", 2, credential_id=9, spare_keys=SPARE)]
    choices = [selector.choose(pair, "m", "", board.order) for _ in range(6)]
    assert [choice.targets[0].credential_id for choice in choices] == [1, 2, 3, 1, 2, 3]
    assert choices[1].why == "key 2 of 3"
    assert {choice.seat for choice in choices} == {None}


def test_a_session_stays_where_it_was_served(selector, board):
    """Whoever served it in the top group keeps it, and the reasons say so."""
    pair = [target("a"), target("b")]
    first = selector.choose(pair, "m", "s", board.order)
    other = first.targets[1]
    assert "drawn by weight 1 from 2 of priority 1" in first.why
    selector.served(first.seat, other)
    again = selector.choose(pair, "m", "s", board.order)
    assert again.targets == (other, first.targets[0])
    assert again.why == f"the session stays at {other}"
    assert selector.choose(pair, "m", "another session", board.order).why != again.why


def failed_over(selector, board):
    """A session that went to b because a was overloaded."""
    pair = [target("a"), target("b", 2)]
    board.failed(pair[0], cast.failure("overloaded", retry_after_s=60))
    choice = selector.choose(pair, "m", "s", board.order)
    assert names(choice.targets) == ["b", "a"]
    selector.served(choice.seat, choice.targets[0])
    return pair


def test_a_session_that_failed_over_stays_while_its_cache_is_warm_then_goes_back(selector, board, clock):
    """It stays for 5 minutes after the better target is ready again, and not at all after a pause of its own."""
    pair = failed_over(selector, board)
    clock.now += 61
    for _ in range(5):
        choice = selector.choose(pair, "m", "s", board.order)
        assert names(choice.targets) == ["b", "a"]
        selector.served(choice.seat, choice.targets[0])
        clock.now += 60
    assert names(selector.choose(pair, "m", "s", board.order).targets) == ["a", "b"]

    pair = failed_over(selector, board)
    clock.now += CACHE_S + 1
    assert names(selector.choose(pair, "m", "s", board.order).targets) == ["a", "b"]


def test_a_session_leaves_a_target_that_cools(selector, board):
    """Staying is for healthy targets."""
    pair = [target("a"), target("b")]
    choice = selector.choose(pair, "m", "s", board.order)
    selector.served(choice.seat, choice.targets[0])
    board.failed(choice.targets[0], cast.failure("overloaded"))
    assert selector.choose(pair, "m", "s", board.order).targets == choice.targets[::-1]


def test_a_changed_chain_is_chosen_from_anew(selector, board):
    """A target put above the one that serves gets the session at once."""
    pair = failed_over(selector, board)
    board.succeeded(pair[0])
    changed = [target("new"), replace(pair[0], priority=2), replace(pair[1], priority=3)]
    assert names(selector.choose(changed, "m", "s", board.order).targets) == ["new", "a", "b"]


def test_the_memory_of_sessions_is_bounded(selector, board):
    """The oldest sessions are forgotten first."""
    pair = [target("a"), target("b")]
    for number in range(MAX_SESSIONS + 5):
        choice = selector.choose(pair, "m", f"s{number}", board.order)
        selector.served(choice.seat, choice.targets[0])
    assert len(selector._stays) == MAX_SESSIONS
    assert choice.seat in selector._stays


def at(upstream, path, name="main", **fields):
    return cast.target(name, base_url=f"{upstream.url}/{path}", **fields)


def ask(live, session="", **body):
    headers = {"x-claude-code-session-id": session} if session else {}
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(live.url + "/v1/messages", json={**BODY, **body}, headers=headers)


@pytest.mark.parametrize("status", [429, 401])
def test_a_key_that_is_refused_benches_itself_alone(live, upstream, status):
    """The provider's other key serves this request and the next ones at once."""
    live.configure(config_of({"smart": [
        at(upstream, "script", credential_id=1, spare_keys=SPARE[:1]), at(upstream, "ok", "two"),
    ]}))  # fmt: skip
    upstream.script([f"status/{status}"])
    answers = [ask(live) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [answer.headers["x-ccm-provider"] for answer in answers] == ["main"] * 4
    assert [answer.headers["x-ccm-attempts"] for answer in answers] == ["2", "1", "1", "1"]
    keys = [request.headers["x-api-key"] for request in upstream.requests]
    assert keys == [cast.KEY, *[SPARE[0].secret.reveal()] * 4]


def test_a_provider_that_fails_is_not_asked_once_with_each_key(live, upstream):
    """A failure no key can help goes to the next target, and benches the provider's model whatever the key."""
    live.configure(config_of({"smart": [
        at(upstream, "garbage", credential_id=1, spare_keys=SPARE), at(upstream, "ok", "two"),
    ]}))  # fmt: skip
    answers = [ask(live) for _ in range(2)]
    assert [answer.headers["x-ccm-provider"] for answer in answers] == ["two", "two"]
    assert [answer.headers["x-ccm-attempts"] for answer in answers] == ["2", "1"]


def test_sessions_stay_and_spread(live, upstream):
    """Each session has one target over all its requests; many sessions use both; user_id is a session too."""
    live.configure(config_of({"smart": [at(upstream, "ok", name, priority=1) for name in ("one", "two")]}))
    served = {}
    for number, _ in itertools.product(range(12), range(3)):
        answer = ask(live, f"session-{number}")
        served.setdefault(number, set()).add(answer.headers["x-ccm-provider"])
    assert all(len(providers) == 1 for providers in served.values())
    assert set.union(*served.values()) == {"one", "two"}
    assert "the session stays at" in answer.headers["x-ccm-why"]
    by_user = [ask(live, metadata={"user_id": "somebody"}).headers for _ in range(2)]
    assert "the session stays at" in by_user[1]["x-ccm-why"]
    assert by_user[0]["x-ccm-provider"] == by_user[1]["x-ccm-provider"]


def order_of(targets):
    return tuple(targets), ()


def test_who_only_looks_leaves_no_trace():
    """Without a trace the answer is the next request's, however often one asks; keys and sessions are as before."""
    clock = Clock()
    chooser, chain = Selector(now=clock, chance=lambda: 0.5), [target("a", credential_id=1, spare_keys=SPARE)]
    looked = [chooser.choose(chain, "m", "", order_of, trace=False).targets[0].credential_id for _ in range(3)]
    assert looked == [1, 1, 1]
    assert [chooser.choose(chain, "m", "", order_of).targets[0].credential_id for _ in range(2)] == [1, 2]
    assert chooser.choose(chain, "m", "", order_of, trace=False).targets[0].credential_id == 3

    pair = [target("best", 1), target("other", 2)]
    seat = chooser.choose(pair, "m", "s", order_of).seat
    chooser.served(seat, pair[1])
    assert chooser.choose(pair, "m", "s", order_of, trace=False).targets[0] == pair[1]
    clock.now += CACHE_S - 1
    chooser.served(seat, pair[1])
    # The looks above have not started the five minutes after which the session goes back to the better one.
    assert chooser.choose(pair, "m", "s", order_of).targets[0] == pair[1]
    clock.now += 2
    assert chooser.choose(pair, "m", "s", order_of, trace=False).targets[0] == pair[1]
    clock.now += CACHE_S
    assert chooser.choose(pair, "m", "s", order_of, trace=False).targets[0] == pair[0]
