import asyncio

import pytest

from proxy.pipe import MAX_HELD, Pipe


async def test_bytes_come_out_in_order_and_then_the_end():
    """What is put is got, and None says that nothing follows."""
    pipe = Pipe()
    await pipe.put(b"a")
    await pipe.put(b"b")
    pipe.end()
    assert [await pipe.get(1) for _ in range(3)] == [b"a", b"b", None]


async def test_silence_is_reported():
    """A get that outwaits its patience returns empty bytes, and the next one still gets the data."""
    pipe = Pipe()
    assert await pipe.get(0.01) == b""
    await pipe.put(b"x")
    assert await pipe.get(1) == b"x"


async def test_a_slow_reader_holds_the_writer():
    """The writer waits while more than the bound is held, and goes on once it was read."""
    pipe = Pipe()
    writing = asyncio.create_task(pipe.put(bytes(MAX_HELD + 1)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not writing.done()
    await pipe.get(1)
    await writing


async def test_an_error_comes_after_the_bytes_before_it():
    """Bytes that were sent before the failure are delivered first."""
    pipe = Pipe()
    await pipe.put(b"x")
    pipe.end(ValueError("broken"))
    assert await pipe.get(1) == b"x"
    with pytest.raises(ValueError, match="broken"):
        await pipe.get(1)


async def test_a_waiting_reader_is_woken():
    """A reader that waits gets the bytes as soon as they come."""
    pipe = Pipe()
    reading = asyncio.create_task(pipe.get(30))
    await asyncio.sleep(0)
    await pipe.put(b"x")
    assert await asyncio.wait_for(reading, 20) == b"x"
