import asyncio
from types import SimpleNamespace

import pytest

from proxy.body import StreamBody
from proxy.config import ConfigSnapshot, StreamConfig
from proxy.errors import ApiError
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.pipe import Pipe
from proxy.record import RequestRecord
from tests.cast import request


@pytest.fixture
async def parts():
    pipe, task = Pipe(), asyncio.create_task(asyncio.Event().wait())
    call = SimpleNamespace(
        inbound=ANTHROPIC,
        renderer=ANTHROPIC.renderer(request()),
        config=ConfigSnapshot(),
        record=RequestRecord("req_1", "anthropic_messages", "messages"),
    )
    yield pipe, task, StreamBody(b"first", pipe, task, call, 0.02)
    task.cancel()


async def test_pings_fill_silences_and_the_end_ends(parts):
    """First bytes, a ping in the silence, the rest, and then nothing more."""
    pipe, _, body = parts
    assert await anext(body) == b"first"
    assert await anext(body) == ANTHROPIC.ping
    await pipe.put(b"second")
    pipe.end()
    assert [chunk async for chunk in body] == [b"second"]


async def test_a_failure_becomes_the_last_event(parts):
    """An error is told as an event and never raised."""
    pipe, _, body = parts
    await anext(body)
    pipe.end(ApiError(529, "overloaded_error", "busy"))
    rest = [chunk async for chunk in body]
    assert len(rest) == 1
    assert rest[0].startswith(b"event: error\n")
    assert b"overloaded_error" in rest[0]


@pytest.mark.parametrize(("outcome", "rest"), [("interrupted", 0), ("error", 1)])
async def test_a_broken_stream_may_end_without_a_word(parts, outcome, rest):
    """Where the setting says so a stream that broke after content just ends; one without content says why."""
    pipe, _, body = parts
    body._call.config = ConfigSnapshot(streams=StreamConfig(otherwise="cut"))
    body._call.record.outcome = outcome
    await anext(body)
    pipe.end(ApiError(502, "api_error", "broken"))
    assert len([chunk async for chunk in body]) == rest


async def test_closing_cuts_the_upstream(parts):
    """When the response is over the task that reads the upstream is cancelled."""
    _, task, body = parts
    body.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(StopAsyncIteration):
        await anext(body)
