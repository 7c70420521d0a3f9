"""The real engine with an upstream in memory, for sweeps: no sockets, no time, no log.

Limits of zero strike as soon as nothing moves, so a hang costs nothing.
"""

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.presets import PRESETS
from providers.targets import Timeouts
from providers.wire.blocks import BlockWriter
from providers.wire.grammar import Grammar
from providers.wire.messages import MessagesEvent, Usage
from providers.wire.sse import SseDecoder
from proxy.call import Call
from proxy.errors import ApiError
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.record import RequestRecord
from proxy.routing import RouteDecision, RouteReason
from tests import cast
from tests.live import config_of

RECORDINGS = Path(__file__).parents[1] / "recordings"
WHOLE = 1 << 20
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


class Upstream:
    """Answers by the target's name: the bytes of a stream in pieces, then an end of some kind."""

    def __init__(self, answers, piece=WHOLE):
        self._answers = answers
        self._piece = piece

    @contextlib.asynccontextmanager
    async def send(self, outgoing, timeouts):
        if self._piece < WHOLE:
            await asyncio.sleep(0)  # in pieces, everything takes a turn of the loop
        yield Answer(*self._answers[outgoing.headers["x-target"]], self._piece)


class Answer:
    """One answer. A number as its data is a status with an empty body."""

    headers = {"content-type": "text/event-stream"}

    def __init__(self, data, end, piece):
        self.status = data if isinstance(data, int) else 200
        self._data = b"" if isinstance(data, int) else data
        self._end = end
        self._piece = piece

    async def read(self, limit):
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self):
        for at in range(0, len(self._data), self._piece):
            if at:
                await asyncio.sleep(0)
            yield self._data[at : at + self._piece]
        if self._end == "reset":
            raise UpstreamFailure(Failure(FailureKind.UNREACHABLE, "the connection broke"))
        if self._end == "hang":
            await asyncio.Event().wait()


def target(name, wire_format="anthropic_messages", timeouts=AT_ONCE):
    preset = replace(PRESETS["openai-compatible"], wire_format=wire_format)
    return replace(cast.target(name, timeouts=timeouts, extra_headers=(("x-target", name),)), preset=preset)


def call_of(*targets, stream=True):
    decision = RouteDecision(RouteReason.DEFAULT, "smart", "why", targets)
    record = RequestRecord("req_1", "anthropic_messages", "messages")
    asked = cast.request({"stream": stream, "thinking": {"type": "adaptive"}})
    return Call(ANTHROPIC, asked, decision, targets, (), config_of({"smart": targets}), record)


async def read(call, pipe):
    """All that a client is told, as bytes."""
    told = b""
    try:
        while (chunk := await pipe.get(5)) is not None:
            told += chunk
    except ApiError as error:
        told += call.renderer.render_error(error, "req_1")
    return told


def judged(told):
    """The kinds of events, after the grammar has passed them all."""
    grammar, kinds = Grammar(), []
    for sse in SseDecoder().feed(told):
        grammar.feed(MessagesEvent(sse.name, sse.data, sse.frame))
        kinds.append(sse.name)
    grammar.finish()
    return kinds
