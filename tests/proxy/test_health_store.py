"""Two boards on one table, as two processes have them; their clocks are moved by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from proxy import health_store
from proxy.health import CoolingBoard, Subject
from proxy.health_store import HealthStore
from proxy.models import HealthState
from tests import cast
from tests.clock import Clock

pytestmark = pytest.mark.django_db
A, B = cast.target("a", credential_id=1), cast.target("b", credential_id=2)
NOON = datetime(2026, 10, 21, 12, tzinfo=UTC)


class Process:
    """A board and its store; monotonic clocks of two processes have nothing to do with each other."""

    def __init__(self, monotonic):
        self.clock, self.wall = Clock(monotonic), Clock(NOON)
        self.board = CoolingBoard(now=self.clock, jitter=lambda: 0.0)
        self.store = HealthStore(self.board, self.wall)

    def cooling(self):
        return self.board.order([A, B])[1]

    def remaining(self, target):
        return self.board.snapshot()[Subject(*target.key)].until - self.clock.now

    def wait(self, seconds):
        self.clock.now += seconds
        self.wall.now += timedelta(seconds=seconds)


@pytest.fixture
def one():
    return Process(1000.0)


@pytest.fixture
def two():
    return Process(77.0)


def test_a_failure_here_cools_there(one, two):
    """What one process learns the other knows after its next look, with the rest of the time."""
    one.board.failed(A, cast.failure("rate_limited", "slow down", retry_after_s=60))
    one.store.sync()
    two.wait(20)
    two.store.sync()
    assert two.cooling() == (A,)
    assert two.remaining(A) == pytest.approx(40)
    row = HealthState.objects.get()
    assert (row.provider, row.actual_model, row.kind, row.words) == ("a", A.actual_model, "rate_limited", "slow down")
    assert row.until == NOON + timedelta(seconds=60)


def test_a_restart_forgets_nothing(one):
    """A new process starts with the rows: a refused key is not asked again at once, and the streak goes on."""
    for _ in range(3):
        one.board.failed(A, cast.failure("overloaded"))
    one.board.failed(B, cast.failure("refused_key"))
    one.store.sync()
    fresh = Process(5.0)
    fresh.store.sync()
    assert set(fresh.cooling()) == {A, B}
    fresh.board.failed(A, cast.failure("overloaded"))
    assert fresh.remaining(A) == 40


def test_success_here_forgives_there(one, two):
    """An answer in one process frees the target in all, and the row is gone."""
    one.board.failed(A, cast.failure("overloaded"))
    one.store.sync()
    two.store.sync()
    two.board.succeeded(A)
    two.store.sync()
    one.store.sync()
    assert one.cooling() == ()
    assert not HealthState.objects.exists()


def test_a_reset_is_known_everywhere(one, two):
    """A row that is deleted in the admin has no effect in any process after its next look, and stays deleted."""
    one.board.failed(A, cast.failure("refused_key"))
    one.store.sync()
    two.store.sync()
    HealthState.objects.all().delete()
    for _ in range(2):
        one.store.sync()
        two.store.sync()
    assert (one.cooling(), two.cooling()) == ((), ())
    assert not HealthState.objects.exists()


def test_the_probe_is_known_elsewhere(one, two):
    """While one process probes, the other holds back; when the probe has failed both wait for longer."""
    one.board.failed(A, cast.failure("overloaded"))
    one.store.sync()
    two.store.sync()
    one.wait(6), two.wait(6)
    assert one.board.begin(A)
    one.store.sync()
    two.store.sync()
    assert two.board.begin(A) is False
    one.board.failed(A, cast.failure("overloaded"), one.clock.now)
    one.store.sync()
    two.store.sync()
    assert two.remaining(A) == pytest.approx(10)


def test_two_failures_at_once_are_joined(one, two):
    """Of two processes that fail in the same second the longer wait stands, in both."""
    one.board.failed(A, cast.failure("rate_limited", retry_after_s=60))
    two.board.failed(A, cast.failure("overloaded"))
    one.store.sync()
    two.store.sync()
    one.store.sync()
    assert one.remaining(A) == pytest.approx(60)
    assert two.remaining(A) == pytest.approx(60)
    assert HealthState.objects.count() == 1


@pytest.mark.parametrize("jump", [timedelta(days=1), -timedelta(days=1)])
def test_a_jump_of_the_clock_does_no_harm(one, two, jump):
    """What is known stays as it is; who starts after the jump waits no longer than was meant."""
    one.board.failed(A, cast.failure("rate_limited", retry_after_s=60))
    one.store.sync()
    two.store.sync()
    for process in (one, two):
        process.wall.now += jump
    if jump > timedelta(0):
        assert two.remaining(A) == pytest.approx(60)
        return
    for _ in range(3):
        one.store.sync()
        two.store.sync()
    assert (one.remaining(A), two.remaining(A)) == (pytest.approx(60), pytest.approx(60))
    fresh = Process(5.0)
    fresh.wall.now += jump
    fresh.store.sync()
    assert fresh.remaining(A) == pytest.approx(60)


def test_an_old_row_is_removed(one, two):
    """An hour after its cooldown nothing is held against a target any more."""
    one.board.failed(A, cast.failure("overloaded"))
    one.store.sync()
    one.wait(3700)
    one.store.sync()
    assert not HealthState.objects.exists()
    one.store.sync()
    assert one.board.snapshot() == {}


def test_a_database_that_is_away_breaks_nothing(one, monkeypatch, caplog):
    """The board goes on by itself, the outage is logged once, and what happened is written afterwards."""

    def away(*_):
        raise OperationalError("connection to 10.1.2.3, user ccm, failed")

    one.board.failed(A, cast.failure("overloaded"))
    with monkeypatch.context() as patched:
        patched.setattr(HealthStore, "_write", away)
        patched.setattr(health_store.connection, "close", lambda: None)
        one.store.sync()
        one.store.sync()
    assert one.cooling() == (A,)
    assert len(caplog.records) == 1 and "10.1.2.3" not in caplog.text
    one.store.sync()
    assert HealthState.objects.count() == 1 and not one.store.trouble


@pytest.mark.parametrize("model", ["m" * 300, "nul\0", "line\nline"])
def test_a_name_that_no_column_takes_stays_in_memory(one, model):
    """A client may name any model; one that cannot be stored is remembered here alone."""
    odd = cast.target("a", model)
    one.board.failed(odd, cast.failure("overloaded", "bad \0 words"))
    one.board.failed(B, cast.failure("overloaded", "bad \0 words"))
    one.store.sync()
    assert one.board.order([odd])[1] == (odd,)
    assert [row.words for row in HealthState.objects.all()] == ["bad words"]
