"""The upstreams of a soak run: many providers on one scripted server, whose faults come from a seed.

What a request wants stands in its prompt: `soak NONCE WORDS LEAD WAIT GAP SILENCE CALM `, times in milliseconds.
Before the head `LEAD`, before the content `WAIT`, between its pieces `GAP`, in the middle of it `SILENCE`; no faults
when `CALM`. Every call is written down. Who is shown the beginning of an answer goes on with it.
"""

import asyncio
import random
import re
import time
from typing import NamedTuple

from tests.soak.history import Call, expected
from tests.upstream import ScriptedUpstream
from tests.upstream_faults import FAULTS, fault

PROMPT = re.compile(rb"soak (\w+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d) ")
EARLY = (
    "status/429/retry-after/1", "status/500", "status/529", "status/503/retry-after/2", "rst", "close", "cut0",
    "cutstart", "garbage", "nothttp", "html200", "html502", "err200", "sse_error_first", "empty200", "echo-key",
    "status/400", "toolong", "status/402", "hang", "hdrhang",
)  # fmt: skip
"""Faults of the scripted upstream that say nothing of the right answer; the last ones are rarer."""
RARE = 5
LATE = ("reset", "end", "error", "badchunk")
"""How an answer breaks off after some of it was sent."""


class Wish(NamedTuple):
    """What a prompt asks for."""

    nonce: str
    words: int
    lead: int
    wait: int
    gap: int
    silence: int
    calm: int

    @property
    def prompt(self):
        return "soak {} {} {} {} {} {} {} ".format(*self)

    @classmethod
    def of(cls, body):
        nonce, *numbers = PROMPT.search(body).groups()
        return cls(nonce.decode(), *map(int, numbers))


class SoakUpstream(ScriptedUpstream):
    """All providers; the first part of a path is whose call it is."""

    def __init__(self, seed, faulty=0.3):
        super().__init__()
        self.calls = []
        self._seed, self._faulty = seed, faulty

    def _fault(self, request):
        found = PROMPT.search(request.body)
        if found is None:
            return super()._fault(request)
        wish = Wish.of(request.body)
        chance = random.Random(f"{self._seed} {wish.nonce} {len(self.calls)}")
        script = "ok"
        if not wish.calm and chance.random() < self._faulty:
            script = self._pick(chance, b'"stream":true' in request.body.replace(b" ", b""))
        call = Call(wish.nonce, request.path.split("/")[1], script, script == "ok", time.monotonic())
        self.calls.append(call)
        return ["soak", call, wish, chance]

    def _pick(self, chance, streamed):
        kind = chance.random()
        if kind < 0.4:
            return "late/" + chance.choice(LATE)
        script = chance.choice(EARLY[-RARE:] if kind > 0.93 else EARLY[:-RARE])
        # A whole answer gets five times the limit of a first content: too long for a run of seconds.
        return "status/504" if "hang" in script and not streamed else script


@fault
async def soak(ex, call, wish, chance):
    """One call of a soak run, written down to its end."""
    try:
        if call.script == "ok" or call.script.startswith("late/"):
            await _answer(ex, call, wish, chance)
        else:
            name, *arguments = call.script.split("/")
            await FAULTS[name](ex, *arguments)
            call.end = "told"
    finally:
        call.end = call.end or "left"
        call.ended = time.monotonic()


async def _answer(ex, call, wish, chance):
    right = expected(wish.nonce, wish.words)
    shown = _shown(ex.asked, right)
    if shown == right:
        call.good = False  # there is nothing left to say, and nothing is what no proxy has to take for an answer
    rest = right[len(shown) :]
    if shown and ex.stream:
        rest = chance.choices((rest, right, right[max(0, len(shown) - 40) :]), (8, 1, 1))[0]
    await asyncio.sleep(wish.lead / 1000)
    if ex.stream:
        await _stream(ex, call, wish, chance, rest)
        return
    if call.script != "ok":
        await FAULTS["cutlen"](ex)
    else:
        await asyncio.sleep((wish.wait + wish.silence) / 1000)
        await ex.json(200, ex.dialect.body(text=rest, tool=ex.dialect.wants_tool))
    call.end = "told"


def _shown(asked, right):
    """The longest beginning of the answer that stands in a request."""
    if isinstance(asked, str):
        return asked if right.startswith(asked) else ""
    inner = asked.values() if isinstance(asked, dict) else asked if isinstance(asked, list) else ()
    return max((_shown(item, right) for item in inner), key=len, default="")


def _pieces(text, chance):
    at = 0
    while at < len(text):
        size = chance.randint(4, 30)
        yield text[at : at + size]
        at += size


async def _stream(ex, call, wish, chance, rest):
    tool = ex.dialect.wants_tool
    start = ex.dialect.start()
    content = list(ex.dialect.tool_content() if tool else ex.dialect.content(list(_pieces(rest, chance))))
    breaks_at = chance.randint(2, max(2, len(content) - 3)) if call.script != "ok" else len(content)
    await ex.head()
    await ex.chunk(*start)
    await asyncio.sleep(wish.wait / 1000)
    for number, frame in enumerate(content[:breaks_at]):
        await ex.chunk(frame)
        await asyncio.sleep((wish.silence if number == len(content) // 2 else wish.gap) / 1000)
    if call.script != "ok":
        await _break_off(ex, call.script.removeprefix("late/"))
        call.end = "told"
        return
    call.end = "told"  # who has the last event may go before the last chunk
    end = b"".join(ex.dialect.end(tool))
    await ex.raw(b"%x\r\n%s\r\n0\r\n\r\n" % (len(end), end))


async def _break_off(ex, how):
    if how == "reset":
        ex.reset()
    elif how == "error":
        await ex.chunk(ex.dialect.error_frame())
        await ex.finish()
    else:
        if how == "badchunk":
            await ex.raw(b"zz\r\noops\r\n")
        ex.close()
