"""A soak run of seconds: every kind of incident once, on both databases. `make soak` is the long one."""

import pytest

from tests.soak.cluster import Postgres, Redis
from tests.soak.run import report, run

pytestmark = pytest.mark.server
SHORT = {"pause_s": (0.5, 1.0), "outage_s": (1.0, 1.5), "rest_s": (0.5, 1.5)}


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_nothing_breaks_an_invariant(database):
    """Killed, frozen, ended and cut off from their database, the servers keep all nine promises."""
    if database == "postgres" and not Postgres.is_there():
        pytest.skip("PostgreSQL is missing: `make services` installs it")
    history, broken = run(database, 0, 1, sweep=False, clients=6, **SHORT)
    kinds = {"kill", "pause", "term", "database", *(["redis"] if Redis.is_there() else [])}
    told = list(report(history, 0))
    assert broken == [], told
    assert {incident.kind for incident in history.incidents} == kinds, told
    assert len(history.operations) > 30, told
