"""Every stream cut at every byte, in every way: the client sees one legal stream, and never a false end."""

import pytest

from proxy import engine, health, logbook
from proxy.pipe import Pipe
from tests.proxy.sweeping import Upstream, call_of, judged, native, read, recorded, target

STREAMS = {
    "native text": ("anthropic_messages", native("Hel", "lo, world", end="end_turn")),
    "native thinking": ("anthropic_messages", native(("hm, ",), "Hello", end="end_turn")),
    "native call": ("anthropic_messages", native("Reading.", ("toolu_1", "Read"), end="tool_use")),
    "chat text": ("openai_chat", recorded("openai_chat/text")),
    "chat reasoning": ("openai_chat", recorded("openai_chat/reasoning_then_text")),
    "chat calls": ("openai_chat", recorded("openai_chat/tools_parallel")),
    "responses text": ("openai_responses", recorded("openai_responses/text")),
    "responses calls": ("openai_responses", recorded("openai_responses/tools_interleaved")),
    "responses reasoning": ("openai_responses", recorded("openai_responses/reasoning_no_summary")),
    "gemini text": ("gemini", recorded("gemini/text")),
    "gemini thoughts": ("gemini", recorded("gemini/thoughts_then_text")),
    "gemini calls": ("gemini", recorded("gemini/calls_parallel")),
}
SECOND = native("And so on.", end="end_turn")


@pytest.fixture(autouse=True)
def undisturbed(monkeypatch):
    """No pauses and no log."""
    monkeypatch.setattr(engine.random, "random", lambda: 0.0)
    monkeypatch.setattr(logbook.LOGBOOK, "put_nowait", lambda record: None)
    monkeypatch.setattr(logbook.LOGBOOK, "begin", lambda record: None)


async def outcome(monkeypatch, wire_format, data, end, alone):
    """What a client is told when the first target's stream is this, and the record."""
    targets = (target("first", wire_format),) + (() if alone else (target("second"),))
    monkeypatch.setattr(engine.client, "send", Upstream({"first": (data, end), "second": (SECOND, "close")}).send)
    monkeypatch.setattr(engine, "BOARD", health.CoolingBoard())
    call, pipe = call_of(*targets), Pipe()
    await engine.run_stream(call, pipe)
    return await read(call, pipe), call.record


@pytest.mark.parametrize("alone", [True, False], ids=["last target", "with another"])
@pytest.mark.parametrize("end", ["close", "reset", "hang"])
@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream_cut_at_every_byte(monkeypatch, name, end, alone):
    """Complete, failed over, gone on elsewhere, or ended by an error event: nothing else, wherever the cut falls."""
    wire_format, data = STREAMS[name]
    step = 1 if end == "close" and not alone else 3
    endings = set()
    for at in range(0, len(data) + 1, step):
        told, record = await outcome(monkeypatch, wire_format, data[:at], end, alone)
        kinds = judged(told)
        assert kinds.count("message_start") <= 1
        complete = kinds[-1] == "message_stop"
        assert complete == (record.outcome == "ok"), (at, record)
        assert complete or kinds[-1] == "error"
        endings.add((record.outcome, len(record.attempts), "goes on" in record.why))
    if alone:
        assert any(outcome != "ok" for outcome, _, _ in endings)
    else:
        assert any(outcome == "ok" and attempts > 1 for outcome, attempts, _ in endings)
        assert ("text" in name) <= any(gone_on for _, _, gone_on in endings)
