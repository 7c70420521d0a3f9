"""A soak run: three servers on one database, scripted upstreams with faults, a nemesis, and the checker's verdict.

`python -m tests.soak.run [--database sqlite|postgres] [--seconds N] [--seed N]`; what breaks an invariant is printed,
and then the exit code is 1. The seed draws every choice; what it cannot draw is how long things take.
"""

import argparse
import asyncio
import contextlib
import pathlib
import random
import sys
import tempfile
import time
from collections import Counter

from tests.soak.checker import violations
from tests.soak.clients import Load
from tests.soak.cluster import DATABASES, Redis, cluster, rows_of
from tests.soak.history import History, Survivor
from tests.soak.nemesis import Nemesis
from tests.soak.provider import SoakUpstream

SERVERS = ("one", "two", "three")
DRAIN_S = 10
SWEEP_S = 110
"""A dead process is stale after 60 s, and every living one looks for such each 30 s."""
KINDS = {"ann": "anthropic-compatible", "ben": "anthropic-compatible", "cho": "openai-compatible", "dan": "openai"}
MODELS = {"native": ("ann", "ben"), "mixed": ("ann", "cho", "dan"), "foreign": ("cho", "dan")}
ROUTER = """
[router]
connect_timeout_s = 6
first_content_timeout_s = 6
idle_timeout_s = 6
total_timeout_s = 60
"""


def key_of(provider):
    return f"sk-canary-{provider}-4f1d"


def config(url):
    """The providers and models as a configuration file."""
    parts = [ROUTER]
    for name, kind in KINDS.items():
        parts.append(f'[[providers]]\nname = "{name}"\nprovider_type = "{kind}"\nkeep_type = true\n')
        parts.append(f'base_url = "{url}/{name}"\napi_key = "{key_of(name)}"\n')
    for model, providers in MODELS.items():
        parts.append(f'[[models]]\nname = "{model}"\n')
        for place, name in enumerate(providers, start=1):
            parts.append(f'[[models.mappings]]\nprovider = "{name}"\nactual_model = "{name}-1"\npriority = {place}\n')
    return "".join(parts)


async def soak(home, database, redis, seed, seconds, *, sweep=True, clients=10, **nemesis_options):
    """The history of one run: so long, or for no seconds one where everything goes wrong once."""
    redis_url = redis.url if redis else ""
    with (
        SoakUpstream(seed) as upstream,
        cluster(home, database, config(upstream.url), SERVERS, DRAIN_S, redis_url) as members,
    ):
        load = Load(seed, {member.name: member.port for member in members}, tuple(MODELS), clients)
        nemesis = Nemesis(seed, members, database, redis, **nemesis_options)
        running = asyncio.create_task(load.run())
        await (nemesis.haunt(seconds) if seconds else nemesis.once())
        load.over.set()
        await running
        survivors = await asyncio.gather(*(_examined(member, load) for member in members))
        rows = await _settled_rows(database, load, SWEEP_S if sweep else 0)
        await asyncio.to_thread(upstream.wait_for, lambda up: all(call.end for call in up.calls), 3.0)
        return History(
            MODELS, DRAIN_S, tuple(load.operations), tuple(upstream.calls), rows, tuple(nemesis.incidents),
            tuple(survivors), spills=tuple(path.name for path in home.glob("run-*/*.spill")),
            leaks=tuple(_leaks(home, load, database)), swept=sweep,
        )  # fmt: skip


async def _examined(member, load):
    """How a server is when all is over. What it is asked for is judged with the rest."""
    end = time.monotonic() + 30
    while not (ready := await asyncio.to_thread(member.get, "/readyz")) and time.monotonic() < end:
        await asyncio.sleep(0.2)
    answers = await asyncio.gather(*(load.one(member.name, member.port, leaving=0.0) for _ in range(5)))
    served = any(operation.end == "whole" for operation, _ in answers)
    return Survivor(member.name, ready, served, *member.figures())


async def _settled_rows(database, load, patience_s):
    """The log once every request has its row and none is open, or as it is when the time is over."""
    asked = {operation.nonce for operation in load.operations if operation.end in ("whole", "error", "left")}
    quick, end = time.monotonic() + 3, time.monotonic() + max(5, patience_s)
    while True:
        rows = await asyncio.to_thread(rows_of, database)
        missing = asked - {row.nonce for row in rows}
        is_open = any(row.outcome == "open" for row in rows)
        now = time.monotonic()
        if (not missing and not is_open) or now > end or (now > quick and not (is_open and patience_s)):
            return rows
        await asyncio.sleep(0.5)


def _leaks(home, load, database):
    keys = {name: key_of(name) for name in KINDS}
    places = {path.name: path.read_text(errors="replace") for path in home.glob("*.log")}
    places["an answer"] = b"\n".join(load.raw).decode("utf-8", "replace")
    told = database.select("SELECT why, error FROM proxy_requestlog")
    told += database.select("SELECT message FROM proxy_attemptlog")
    places["the request log"] = "\n".join(" ".join(row) for row in told)
    for place, text in places.items():
        yield from (f"the key of {name} is in {place}" for name, key in keys.items() if key in text)


def report(history, seconds):
    """The figures of a run, in lines."""
    ends = Counter(operation.end for operation in history.operations)
    scripts = Counter("ok" if call.good else call.script.split("/")[0] for call in history.calls)
    incidents = Counter(incident.kind for incident in history.incidents)
    ended = {call.nonce: call.ended for call in history.calls if call.end == "left"}
    left = sorted(ended[o.nonce] - o.ended for o in history.operations if o.end == "left" and o.nonce in ended)
    faults = sum(count for script, count in scripts.items() if script != "ok")
    met = [o for o in history.operations if any(not call.good for call in history.calls_of.get(o.nonce, []))]
    unseen = sum(o.end == "whole" for o in met)
    yield f"{len(history.operations)} requests in {seconds:.0f} s: {dict(ends)}"
    yield f"{len(history.calls)} upstream calls, {faults} of them faulty: {dict(scripts)}"
    yield f"{len(met)} requests met a fault, {unseen} of them were answered whole all the same"
    yield f"{sum(incidents.values())} incidents: {dict(incidents)}"
    yield f"rows: {dict(Counter(row.outcome for row in history.rows))}"
    if left:
        yield f"upstream calls let go after their client left: median {left[len(left) // 2] * 1000:.0f} ms"
    for one in history.survivors:
        yield f"{one.server}: {one.threads} threads, {one.files} open files, {one.rss_mb:.0f} MB"


def run(kind, seconds, seed, **options):
    """Run and judge once: the history and its violations."""
    with tempfile.TemporaryDirectory(prefix="ccm-soak-") as place:
        home = pathlib.Path(place)
        with contextlib.ExitStack() as open_things:
            database = open_things.enter_context(contextlib.closing(DATABASES[kind](home)))
            redis = open_things.enter_context(contextlib.closing(Redis(home))) if Redis.is_there() else None
            history = asyncio.run(soak(home, database, redis, seed, seconds, **options))
    return history, violations(history)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=sorted(DATABASES), default="sqlite")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, printed")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    print(f"{options.database}, seed {seed}", flush=True)
    history, broken = run(options.database, options.seconds, seed)
    print("\n".join(report(history, options.seconds)))
    print("\n".join(f"VIOLATION of {rule}: {told}" for rule, told in broken[:100]))
    print(f"{len(broken)} violations")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
