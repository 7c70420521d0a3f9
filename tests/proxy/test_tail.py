"""The live tail's source."""

import asyncio

import pytest
from channels.layers import InMemoryChannelLayer, get_channel_layer
from redis.exceptions import ConnectionError as RedisDown

from proxy import tail
from proxy.record import AttemptRecord, RequestRecord


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(tail, "BATCH_EVERY_S", 0.0)


def record(number=1):
    made = RequestRecord(f"req_{number}", "anthropic_messages", "messages", requested_model="claude", route="default")
    made.attempts.append(AttemptRecord(1, "main", "m", outcome="overloaded", status=529))
    return made


async def watched():
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(tail.GROUP, channel)
    return lambda: asyncio.wait_for(layer.receive(channel), 20)


async def test_a_request_is_told_from_start_to_end(quick):
    """Began, failed and ended come in order, in one batch, with what the page shows."""
    receive, source, request = await watched(), tail.Tail(), record()
    source.began(request)
    source.failed(request, request.attempts[0])
    request.outcome, request.status, request.provider, request.error = "ok", 200, "spare", "a\0b"
    source.ended(request)
    message = await receive()
    assert [event["kind"] for event in message["events"]] == ["began", "failed", "ended"]
    began, failed, ended = message["events"]
    assert began["id"] == "req_1"
    assert (failed["provider"], failed["outcome"], failed["status"]) == ("main", "overloaded", 529)
    assert failed["drill"] is False
    assert (ended["provider"], ended["outcome"], ended["attempt"]) == ("spare", "ok", 1)
    assert "\0" not in ended["error"]
    assert message["number"] == 1


async def test_many_events_go_in_bounded_batches_with_running_numbers(quick):
    """250 events are three batches, each with its first event's number."""
    receive, source = await watched(), tail.Tail()
    for number in range(250):
        source.began(record(number))
    batches = [await receive() for _ in range(3)]
    assert [len(batch["events"]) for batch in batches] == [100, 100, 50]
    assert [batch["number"] for batch in batches] == [1, 101, 201]


async def test_what_waits_is_bounded(monkeypatch):
    """While nothing can be sent the oldest are dropped and counted; nobody waits; the next number tells of them."""
    monkeypatch.setattr(tail, "MAX_WAITING", 10)
    receive, source = await watched(), tail.Tail()
    for number in range(25):
        source.began(record(number))
    assert source.dropped == 15
    batch = await receive()
    assert (batch["number"], len(batch["events"])) == (16, 10)


@pytest.mark.parametrize("fault", [RedisDown("gone"), OSError("gone"), TimeoutError()])
async def test_a_layer_that_is_away_costs_events_only(quick, monkeypatch, caplog, fault):
    """What Redis cannot take is dropped and counted; the log tells of it once, and again when it is over."""
    away = [True]

    class Layer:
        async def group_send(self, group, message):
            if away:
                raise fault
            sent.append(message)

    sent = []
    monkeypatch.setattr(tail, "get_channel_layer", Layer)
    source = tail.Tail()
    for _ in range(3):
        source.began(record())
        await source._pump
    assert source.dropped == 3
    assert caplog.text.count("REDIS_URL") == 1
    away.clear()
    source.began(record())
    await source._pump
    assert [batch["number"] for batch in sent] == [4]
    assert caplog.text.count("has missed 3 events") == 1


async def test_a_redis_that_was_restarted_costs_no_event(quick, monkeypatch):
    """The first word on a connection that is no more fails; it is said again on a new one."""
    faults = [RedisDown("closed by server")]

    class Layer:
        async def group_send(self, group, message):
            if faults:
                raise faults.pop()
            sent.append(message)

    sent = []
    monkeypatch.setattr(tail, "get_channel_layer", Layer)
    source = tail.Tail()
    source.began(record())
    await source._pump
    assert (len(sent), source.dropped) == (1, 0)


async def test_a_layer_that_says_nothing_is_left_after_half_a_second(quick, monkeypatch):
    """A Redis that takes the connection and never answers holds the task for the limit, not for ever."""
    monkeypatch.setattr(tail, "SEND_S", 0.01)

    class Silent:
        async def group_send(self, group, message):
            await asyncio.Event().wait()

    monkeypatch.setattr(tail, "get_channel_layer", Silent)
    source = tail.Tail()
    source.began(record())
    await asyncio.wait_for(source._pump, 20)
    assert source.dropped == 1


async def test_without_a_viewer_nothing_is_made(monkeypatch):
    """While no page is open and no Redis joins processes an event costs nothing; a viewer changes that."""
    layer, source, request = InMemoryChannelLayer(), tail.Tail(), record()
    monkeypatch.setattr(tail, "get_channel_layer", lambda: layer)
    source.began(request)
    source.failed(request, request.attempts[0])
    source.ended(request)
    assert not source._waiting and source._pump is None
    channel = await layer.new_channel()
    await layer.group_add(tail.GROUP, channel)
    source.began(request)
    assert len(source._waiting) == 1
    source._pump.cancel()
    await layer.group_discard(tail.GROUP, channel)
    source.ended(request)
    assert len(source._waiting) == 1


def test_without_an_event_loop_nothing_is_kept(monkeypatch):
    """A command or a thread that ends a request has nobody to tell."""
    monkeypatch.setattr(tail, "get_channel_layer", object)
    source = tail.Tail()
    source.ended(record())
    assert not source._waiting
