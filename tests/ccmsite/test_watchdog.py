"""The watchdog of the event loop: it tells where the loop stands still, once, and says nothing otherwise."""

import asyncio
import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading

import pytest
from test_server import ROOT, SCRIPT

from ccmsite.server.watchdog import Watchdog


def stand_still(until):
    """What blocks the loop: waiting as no coroutine should."""
    assert until.wait(10)


async def test_93_a_blocked_loop_is_told_with_its_stack(caplog):
    """The log names the function that blocks; a block that goes on is told once, the next one again."""
    watchdog = Watchdog(asyncio.get_running_loop(), blocked_s=0.05, beat_s=0.02)
    watchdog.start()
    try:
        for number in (1, 2):
            seen = threading.Event()

            def look(number=number, seen=seen):
                while watchdog.seen < number:
                    seen.wait(0.01)
                seen.wait(0.15)
                seen.set()

            threading.Thread(target=look, daemon=True).start()
            stand_still(seen)
            while watchdog._beaten < asyncio.get_running_loop().time() - 0.04:
                await asyncio.sleep(0.01)
            assert watchdog.seen == number
    finally:
        watchdog.stop()
    assert len(caplog.records) == 2
    assert "in stand_still" in caplog.records[0].getMessage() and "50 ms" in caplog.records[0].getMessage()


async def test_a_loop_that_runs_is_left_alone(caplog):
    """A hundred turns of the loop are no block."""
    watchdog = Watchdog(asyncio.get_running_loop(), blocked_s=5.0, beat_s=0.001)
    watchdog.start()
    for _ in range(100):
        await asyncio.sleep(0.001)
    watchdog.stop()
    assert watchdog.seen == 0 and not caplog.records


@pytest.mark.parametrize("attribute", ["_beat", "_watch"])
def test_a_watchdog_that_was_stopped_does_nothing_more(attribute):
    """Neither the timer nor the thread goes on."""
    loop = asyncio.new_event_loop()
    watchdog = Watchdog(loop)
    watchdog.stop()
    getattr(watchdog, attribute)()
    assert not loop._scheduled
    loop.close()


@pytest.mark.server
def test_93_the_server_watches_its_own_loop():
    """What blocks a real server is named on its error output, with the line."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "ours", str(port)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert process.stdout.readline().startswith("port")
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as client:
            client.request("GET", "/blocked")
            assert client.getresponse().status == 200
    finally:
        process.terminate()
        _, told = process.communicate(timeout=20)
    assert "the event loop stands still for over 250 ms" in told and "in stand_still" in told
