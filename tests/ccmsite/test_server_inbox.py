"""The messages an application receives from the server."""

import asyncio

import pytest

from ccmsite.server.inbox import Inbox


async def test_messages_come_in_the_order_they_were_put():
    """What waits is handed out oldest first, without a pause."""
    inbox = Inbox()
    inbox.put_nowait({"type": "a"})
    inbox.put_nowait({"type": "b"})
    assert [(await inbox.get())["type"] for _ in range(2)] == ["a", "b"]


async def test_a_reader_waits_until_there_is_a_message():
    """An empty inbox holds its reader; two messages put at once are both there."""
    inbox = Inbox()
    reader = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    assert not reader.done()
    inbox.put_nowait({"type": "a"})
    inbox.put_nowait({"type": "b"})
    assert (await reader)["type"] == "a"
    assert (await inbox.get())["type"] == "b"


async def test_a_reader_that_gave_up_takes_nothing_with_it():
    """A message that comes after a cancelled reader is for the next one."""
    inbox = Inbox()
    reader = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    inbox.put_nowait({"type": "a"})
    assert (await asyncio.wait_for(inbox.get(), 20))["type"] == "a"
