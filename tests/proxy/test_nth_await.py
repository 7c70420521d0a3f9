"""The engine interrupted at every place where it waits: cancelled, failed or left hanging, nothing is lost."""

import asyncio
import types
from dataclasses import replace

import pytest

from providers.targets import Timeouts
from proxy import engine, health, logbook
from proxy.errors import ApiError
from proxy.pipe import Pipe
from tests.proxy.sweeping import Upstream, call_of, judged, native, read, recorded, target

TEXT, CALL = native("Hel", "lo", end="end_turn"), native(("toolu_1", "T"), end="tool_use")
WHOLE = b'{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi"}],"usage":{}}'
CHAT = recorded("openai_chat/tools_parallel")
LIMITS = Timeouts(connect=1, first_content=0.01, idle=0.01, total=0.05)

SCENARIOS = {
    "a stream": ((TEXT, "close"),),
    "a call": ((CALL, "close"),),
    "a translated stream": ((CHAT, "close"),),
    "one fails": ((529, "close"), (TEXT, "close")),
    "all fail": ((529, "close"), (401, "close")),
    "a rejection": ((400, "close"), (TEXT, "close")),
    "it goes on": ((TEXT[:420], "reset"), (TEXT, "close")),
    "it cannot go on": ((CALL[:520], "reset"), (TEXT, "close")),
    "cut before content": ((TEXT[:100], "close"), (TEXT, "close")),
    "nobody answers": ((b"", "hang"), (b"", "hang")),
}


@pytest.fixture
def records(monkeypatch):
    """What reaches the log; no pauses and nothing remembered."""
    found = []
    monkeypatch.setattr(engine.random, "random", lambda: 0.0)
    monkeypatch.setattr(logbook.LOGBOOK, "put_nowait", found.append)
    monkeypatch.setattr(logbook.LOGBOOK, "begin", lambda record: None)
    monkeypatch.setattr(engine, "BOARD", health.CoolingBoard())
    return found


@types.coroutine
def interrupted(coroutine, number, how, reached):
    """Run a coroutine; when it waits for the `number`th time, `how` happens instead."""
    value, error, waits = None, None, 0
    while True:
        try:
            waited = coroutine.send(value) if error is None else coroutine.throw(error)
        except StopIteration as done:
            return done.value
        value, error, waits = None, None, waits + 1
        if waits == number:
            reached.append(number)
            if how == "hang":
                waited = asyncio.get_running_loop().create_future()
                waited._asyncio_future_blocking = True
            else:
                error = asyncio.CancelledError() if how == "cancel" else RuntimeError("injected")
                continue
        try:
            value = yield waited
        except (asyncio.CancelledError, Exception) as thrown:  # noqa: BLE001 (whatever it is belongs to the coroutine)
            error = thrown


def told(records, how):
    """Every attempt of the record ended in some way, and only a client that left is told as one."""
    outcomes = [attempt.outcome for attempt in records[0].attempts]
    assert "" not in outcomes
    assert how == "cancel" or "client_gone" not in outcomes
    assert how == "exception" or "internal" not in outcomes


def calling(scenario, stream):
    names = [f"t{number}" for number in range(len(scenario))]
    formats = ["openai_chat" if answer[0] == CHAT else "anthropic_messages" for answer in scenario]
    targets = [target(name, kind, LIMITS) for name, kind in zip(names, formats, strict=True)]
    call = call_of(*targets, stream=stream)
    call.config = replace(call.config, timeouts=LIMITS)
    return call, Upstream(dict(zip(names, scenario, strict=True)), piece=90)


@pytest.mark.parametrize("how", ["cancel", "exception", "hang"])
@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_stream_interrupted_anywhere(monkeypatch, records, caplog, name, how):
    """One record, one legal stream, no end that was not earned; a cancelled one is logged as a client that left."""
    number, reached = 0, [0]
    while reached[-1] == number:
        number += 1
        records.clear()
        monkeypatch.setattr(engine, "BOARD", health.CoolingBoard())
        call, upstream = calling(SCENARIOS[name], True)
        monkeypatch.setattr(engine.client, "send", upstream.send)
        pipe = Pipe()
        try:
            await interrupted(engine.run_stream(call, pipe), number, how, reached)
        except asyncio.CancelledError:
            assert how == "cancel"
            assert [record.outcome for record in records] == ["client_gone"]
            told(records, how)
            continue
        kinds = judged(await read(call, pipe))
        assert len(records) == 1
        assert kinds.count("message_start") <= 1
        assert (kinds[-1] == "message_stop") == (records[0].outcome == "ok")
        told(records, how)
    assert number > 1


@pytest.mark.parametrize("how", ["cancel", "exception", "hang"])
@pytest.mark.parametrize("scenario", [((WHOLE, "close"),), ((529, "close"), (WHOLE, "close")), ((WHOLE, "hang"),)])
async def test_a_whole_answer_interrupted_anywhere(monkeypatch, records, caplog, scenario, how):
    """A reply or an error, and one record that says which."""
    number, reached = 0, [0]
    while reached[-1] == number:
        number += 1
        records.clear()
        monkeypatch.setattr(engine, "BOARD", health.CoolingBoard())
        call, upstream = calling(scenario, False)
        monkeypatch.setattr(engine.client, "send", upstream.send)
        try:
            reply = await interrupted(engine.run_whole(call), number, how, reached)
        except asyncio.CancelledError:
            assert how == "cancel"
        except ApiError:
            assert records[0].outcome == "error"
        else:
            assert reply.has_content and records[0].outcome == "ok"
        assert len(records) == 1
        told(records, how)
    assert number > 1
