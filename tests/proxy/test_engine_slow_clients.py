"""A client that reads slowly is no fault of the upstream's."""

import asyncio
from dataclasses import replace

import pytest

from providers.targets import Timeouts
from proxy import engine
from proxy.health import BOARD
from proxy.pipe import MAX_HELD, Pipe
from tests.proxy.sweeping import Upstream, call_of, judged, native, read, target

LONG = native("x" * 2 * MAX_HELD, "y" * 2 * MAX_HELD, end="end_turn")


@pytest.mark.parametrize(
    "limits", [Timeouts(connect=1, first_content=5, idle=0.3, total=60), Timeouts(1, 5, idle=5, total=0.3)]
)
async def test_a_client_that_reads_nothing_for_a_while_gets_the_whole_answer(records, monkeypatch, limits):
    """The limits are the upstream's: while it waits for the client its time stands still, and it is not benched."""
    main = target("main", timeouts=limits)
    monkeypatch.setattr("proxy.drill.client", Upstream({"main": (LONG, "close")}, piece=8192))
    call, pipe = call_of(main), Pipe()
    call.config = replace(call.config, timeouts=Timeouts(1, 5, 5, 60))
    running = asyncio.create_task(engine.run_stream(call, pipe))
    await asyncio.sleep(0.6)
    assert judged(await read(call, pipe))[-1] == "message_stop"
    await running
    assert (records[0].outcome, BOARD.held_against(main)) == ("ok", ())
