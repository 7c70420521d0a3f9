"""Two servers behind a balancer are restarted one after the other, under load: nothing is lost."""

import asyncio
from collections import Counter

import pytest

from tests.soak.balancer import Balancer
from tests.soak.checker import violations
from tests.soak.clients import Load
from tests.soak.cluster import Sqlite, cluster, rows_of
from tests.soak.history import History
from tests.soak.provider import SoakUpstream
from tests.soak.run import DRAIN_S, MODELS, config

pytestmark = pytest.mark.server


async def rolled(home, database):
    """The history of a rolling restart, and the exit codes."""
    with (
        SoakUpstream(1, faulty=0.0) as upstream,
        cluster(home, database, config(upstream.url), ("one", "two"), DRAIN_S) as members,
    ):
        async with Balancer([member.port for member in members]) as balancer:
            load = Load(1, {"both": balancer.port}, tuple(MODELS), clients=8, leaving=0.0)
            running = asyncio.create_task(load.run())
            codes = []
            for member in members:
                await asyncio.sleep(0.5)
                codes.append(await asyncio.to_thread(member.end))
                member.start()
                await asyncio.to_thread(member.wait)
            await asyncio.sleep(0.5)
            load.over.set()
            await running
        codes += [await asyncio.to_thread(member.end) for member in members]
        return History(MODELS, DRAIN_S, tuple(load.operations), tuple(upstream.calls), rows_of(database)), codes


def test_nothing_is_lost(tmp_path):
    """Every request is answered in full by one upstream call and has its row; each server ends well."""
    history, codes = asyncio.run(rolled(tmp_path, Sqlite(tmp_path)))
    assert codes == [0, 0, 0, 0]
    assert Counter(o.end for o in history.operations) == {"whole": len(history.operations)}
    assert violations(history) == []
    assert not [path.read_text() for path in tmp_path.glob("*.log") if "[error" in path.read_text()]
    assert len(history.calls) == len(history.rows) == len(history.operations) > 50
