"""Every stream cut at every byte, in every way: the client sees one legal stream, and never a false end.

The engine is the real one; only the upstream's bytes come from memory and end where the
sweep says. No time passes: a hang meets limits of zero, which strike as soon as nothing moves.
"""

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.presets import PRESETS
from providers.targets import Timeouts
from providers.wire.blocks import BlockWriter
from providers.wire.grammar import Grammar
from providers.wire.messages import MessagesEvent, Usage
from providers.wire.sse import SseDecoder
from proxy import engine, health, logbook
from proxy.call import Call
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.pipe import Pipe
from proxy.record import RequestRecord
from proxy.routing import RouteDecision, RouteReason
from tests import cast
from tests.live import config_of

RECORDINGS = Path(__file__).parents[1] / "recordings"
AT_ONCE = Timeouts(connect=1, first_content=0, idle=0, total=60)


def native(*pieces, end):
    """An Anthropic stream: text as strings, thinking in one-tuples, a call as a pair."""
    writer = BlockWriter(lambda: "sig")
    events = writer.start("msg_1", "m", Usage(5, 1))
    for piece in pieces:
        if isinstance(piece, str):
            events += writer.text(piece)
        elif len(piece) == 1:
            events += writer.thinking(*piece)
        else:
            events += writer.tool(*piece) + writer.tool_input('{"path":') + writer.tool_input('"a"}')
    return b"".join(event.frame for event in events + writer.finish(end, Usage(5, 9)))


def recorded(name):
    return (RECORDINGS / f"{name}.sse").read_bytes()


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


class Upstream:
    """Answers by target: the bytes of a stream up to a place, then an end of some kind."""

    def __init__(self, streams):
        self._streams = streams

    @contextlib.asynccontextmanager
    async def send(self, outgoing, timeouts):
        yield Answer(*self._streams[outgoing.headers["x-target"]])


class Answer:
    """One answer: its bytes, and how it ends when they are out."""

    status, headers = 200, {"content-type": "text/event-stream"}

    def __init__(self, data, end):
        self._data = data
        self._end = end

    async def chunks(self):
        if self._data:
            yield self._data
        if self._end == "reset":
            raise UpstreamFailure(Failure(FailureKind.UNREACHABLE, "the connection broke"))
        if self._end == "hang":
            await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def undisturbed(monkeypatch):
    """No pauses, no log, nothing remembered from one run to the next."""
    monkeypatch.setattr(engine.random, "random", lambda: 0.0)
    monkeypatch.setattr(logbook.LOGBOOK, "put_nowait", lambda record: None)
    monkeypatch.setattr(engine, "BOARD", health.CoolingBoard())


def target(name, wire_format):
    preset = replace(PRESETS["openai-compatible"], wire_format=wire_format)
    return replace(cast.target(name, timeouts=AT_ONCE, extra_headers=(("x-target", name),)), preset=preset)


async def outcome(monkeypatch, wire_format, data, end, alone):
    """What a client is told when the first target's stream is this, and the record's outcome."""
    targets = (target("first", wire_format),) + (() if alone else (target("second", "anthropic_messages"),))
    monkeypatch.setattr(engine.client, "send", Upstream({"first": (data, end), "second": (SECOND, "close")}).send)
    decision = RouteDecision(RouteReason.DEFAULT, "smart", "why", targets)
    record = RequestRecord("req_1", "anthropic_messages", "messages")
    asked = cast.request({"stream": True, "thinking": {"type": "adaptive"}})
    call, pipe = Call(ANTHROPIC, asked, decision, targets, (), config_of({"smart": targets}), record), Pipe()
    await engine.run_stream(call, pipe)
    told = b""
    try:
        while (chunk := await pipe.get(5)) is not None:
            told += chunk
    except engine.ApiError as error:
        told += call.renderer.render_error(error, "req_1")
    return told, record


def judged(told):
    """The kinds of events, after the grammar has passed them all."""
    grammar, kinds = Grammar(), []
    for sse in SseDecoder().feed(told):
        grammar.feed(MessagesEvent(sse.name, sse.data, sse.frame))
        kinds.append(sse.name)
    grammar.finish()
    return kinds


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
