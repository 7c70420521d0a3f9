"""What goes wrong in a soak run besides the upstreams, drawn from a seed: a server at a time, the database, Redis."""

import asyncio
import random
import time

from tests.soak.history import Incident

KINDS = ("kill", "pause", "term")


class Nemesis:
    """Breaks things and puts them right again; `incidents` tells what and when."""

    def __init__(self, seed, members, database, redis=None, pause_s=(0.5, 3.0), outage_s=(1.0, 4.0), rest_s=(1.0, 4.0)):
        self._chance = random.Random(f"nemesis {seed}")
        self._members = members
        self._things = {"database": database, **({"redis": redis} if redis else {})}
        self._pause_s, self._outage_s, self._rest_s = pause_s, outage_s, rest_s
        self.incidents = []

    async def haunt(self, seconds):
        """Trouble for so long; everything is put right at the end."""
        until = time.monotonic() + seconds
        await asyncio.gather(self._servers(until), *(self._outages(thing, until) for thing in self._things))

    async def once(self):
        """Each kind of trouble once, to three servers at almost the same time, and an outage of what they need."""
        victims = self._chance.sample(self._members, len(KINDS))
        await asyncio.gather(*map(self._outage, self._things), *map(self._strike_soon, KINDS, victims))

    async def _strike_soon(self, kind, member):
        await asyncio.sleep(self._chance.uniform(*self._rest_s))
        await self._strike(kind, member)

    async def _servers(self, until):
        bag = []
        while time.monotonic() < until:
            bag = bag or self._chance.sample(KINDS, len(KINDS))
            await asyncio.sleep(self._chance.uniform(*self._rest_s))
            await self._strike(bag.pop(), self._chance.choice(self._members))

    async def _strike(self, kind, member):
        began, code = time.monotonic(), 0
        if kind == "pause":
            await asyncio.to_thread(member.freeze, self._chance.uniform(*self._pause_s))
        else:
            code = await asyncio.to_thread(member.end if kind == "term" else member.kill) or 0
            member.start()
            await asyncio.to_thread(member.wait)
        self.incidents.append(Incident(kind, member.name, began, time.monotonic(), code))

    async def _outages(self, thing, until):
        while time.monotonic() < until:
            await asyncio.sleep(self._chance.uniform(*self._rest_s))
            await self._outage(thing)

    async def _outage(self, thing):
        await asyncio.sleep(self._chance.uniform(*self._rest_s))
        began = time.monotonic()
        await asyncio.to_thread(self._things[thing].away, self._chance.uniform(*self._outage_s))
        self.incidents.append(Incident(thing, "", began, time.monotonic()))
