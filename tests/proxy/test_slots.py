"""Limits of calls at once: who waits, who moves on, and that no slot is ever lost."""

import asyncio
import contextlib
import random
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from providers.errors import FailureKind, UpstreamFailure
from proxy import slots
from proxy.slots import Gate
from tests import cast
from tests.live import config_of

BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


async def test_who_comes_first_is_served_first():
    """A freed slot goes to the longest waiting call, and nobody who comes later overtakes it."""
    gate, order = Gate(), []
    assert await gate.enter(1, 60)

    async def call(name):
        assert await gate.enter(3, 60)
        order.append(name)

    for _ in range(2):
        assert await gate.enter(3, 60)
    waiting = [asyncio.create_task(call(name)) for name in "abc"]
    await asyncio.sleep(0)
    assert (gate.taken, gate.waiting) == (3, 3)
    for _ in range(3):
        gate.leave()
    await asyncio.gather(*waiting)
    assert order == ["a", "b", "c"]
    assert (gate.taken, gate.waiting) == (3, 0)


async def test_the_queue_is_bounded_and_short():
    """As many may wait as may run; who waits too long, or finds the queue full, gets no slot."""
    gate = Gate()
    assert await gate.enter(1, 60)
    waiting = asyncio.create_task(gate.enter(1, 0.01))
    await asyncio.sleep(0)
    assert await gate.enter(1, 60) is False
    assert await waiting is False
    assert (gate.taken, gate.waiting) == (1, 0)
    gate.leave()
    assert await gate.enter(1, 60)


async def test_a_limit_that_is_lifted_frees_those_who_wait():
    """The newest limit holds for everybody, without one too."""
    gate = Gate()
    assert await gate.enter(1, 60)
    waiting = asyncio.create_task(gate.enter(1, 60))
    await asyncio.sleep(0)
    assert await gate.enter(None, 60)
    assert await waiting
    assert gate.taken == 3


async def test_a_full_provider_is_busy_and_cools_nothing(monkeypatch):
    """The failure moves on to the next target, benches nobody and asks the client to come back."""
    monkeypatch.setattr(slots, "WAIT_S", 0.01)
    target = cast.target(max_concurrency=1)
    async with slots.of(target):
        with pytest.raises(UpstreamFailure) as busy:
            async with slots.of(target):
                pass
    failure = busy.value.failure
    assert failure.kind is FailureKind.BUSY
    assert (failure.rule.next_target, failure.rule.cools, failure.rule.status) == (True, "no", 529)
    assert slots.gate_of("main").taken == 0


async def test_ten_thousand_cancelled_calls_leave_every_slot_usable():
    """Cancelled while running, while waiting, and in the very moment a slot is handed over."""
    gate, dice, limit = Gate(), random.Random(7), 50

    async def call():
        if await gate.enter(limit, 0.001 * dice.randrange(5)):
            try:
                await asyncio.sleep(0.001 * dice.randrange(3))
            finally:
                gate.leave()

    for _ in range(100):
        tasks = [asyncio.create_task(call()) for _ in range(100)]
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)
        if dice.random() < 0.5:
            await asyncio.sleep(0.001)
        dice.shuffle(tasks)
        for task in tasks:
            task.cancel()
            if dice.random() < 0.05:
                await asyncio.sleep(0)
        await asyncio.gather(*tasks, return_exceptions=True)
    assert (gate.taken, gate.waiting) == (0, 0)
    assert [await gate.enter(limit, 0.0) for _ in range(limit)] == [True] * limit
    assert await gate.enter(limit, 0.0) is False


async def test_a_slot_that_comes_with_the_cancellation_is_passed_on():
    """The slot was handed over, then the caller was cancelled before it ran: the next one gets it."""
    gate = Gate()
    assert await gate.enter(1, 60)
    first = asyncio.create_task(gate.enter(1, 60))
    await asyncio.sleep(0)
    gate.leave()
    assert gate.taken == 1
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert first.cancelled()
    assert gate.taken == 0


def at(upstream, path, name="main", **fields):
    return cast.target(name, base_url=f"{upstream.url}/{path}", **fields)


def test_a_full_provider_hands_its_requests_to_the_next_target(live, upstream):
    """A stream holds its slot until it ends; meanwhile others are served elsewhere, and counts are estimated."""
    live.configure(config_of({"smart": [at(upstream, "silent/3", max_concurrency=1), at(upstream, "ok", "two")]}))
    with (
        httpx.Client(trust_env=False, timeout=20) as client,
        client.stream("POST", live.url + "/v1/messages", json={**BODY, "stream": True}) as first,
    ):
        assert first.headers["x-ccm-provider"] == "main"
        other = client.post(live.url + "/v1/messages", json=BODY)
        counted = client.post(live.url + "/v1/messages/count_tokens", json=BODY)
    assert other.headers["x-ccm-provider"] == "two"
    assert "main/glm-4.6: busy" in other.headers["x-ccm-why"]
    assert counted.json()["input_tokens"] > 0


def test_three_hundred_clients_that_leave_lose_no_slot(live, upstream):
    """Clients that hang up at any moment, queued or served, leave the provider's whole limit usable."""
    live.configure(config_of({"smart": [at(upstream, "hang", max_concurrency=4)]}))
    dice = random.Random(3)

    def leave(patience):
        with httpx.Client(trust_env=False, timeout=patience) as client, contextlib.suppress(httpx.TimeoutException):
            client.post(live.url + "/v1/messages", json={**BODY, "stream": True})

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(leave, [0.005 + 0.1 * dice.random() for _ in range(300)]))
    gates = next(gates for loop, gates in list(slots._gates.items()) if loop.is_running() and "main" in gates)
    end = time.monotonic() + 5
    while (gates["main"].taken or gates["main"].waiting) and time.monotonic() < end:
        time.sleep(0.01)
    assert (gates["main"].taken, gates["main"].waiting) == (0, 0)
    live.configure(config_of({"smart": [at(upstream, "ok", max_concurrency=4)]}))
    with httpx.Client(trust_env=False, timeout=20) as client:
        assert client.post(live.url + "/v1/messages", json=BODY).status_code == 200
