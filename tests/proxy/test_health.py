import pytest

from proxy.health import CoolingBoard
from tests import cast

A, B = cast.target("a", credential_id=1), cast.target("b", credential_id=2)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def board():
    return CoolingBoard(now=Clock())


def test_a_cooling_target_comes_last_rather_than_never(board):
    """A target that failed is tried after the healthy ones, and is not dropped."""
    board.failed(A, cast.failure("overloaded"))
    assert board.order([A, B]) == ((B, A), (A,))


def test_cooling_ends(board):
    """After its time a target is back in its place."""
    board.failed(A, cast.failure("rate_limited", retry_after_s=7))
    board.now.now += 6.9
    assert board.order([A, B])[0] == (B, A)
    board.now.now += 0.2
    assert board.order([A, B]) == ((A, B), ())


def test_backoff_doubles(board):
    """Repeated overloads bench a target longer each time."""
    for _ in range(3):
        board.failed(A, cast.failure("overloaded"))
    board.now.now += 19
    assert board.order([A, B])[1] == (A,)
    board.now.now += 2
    assert board.order([A, B])[1] == ()


@pytest.mark.parametrize("kind", ["rejected", "too_long", "no_such_model", "client_gone"])
def test_the_client_s_own_faults_bench_nobody(board, kind):
    """A request that is at fault itself says nothing about a target's health."""
    board.failed(A, cast.failure(kind))
    assert board.order([A, B]) == ((A, B), ())


def test_a_refused_key_benches_the_credential(board):
    """Another model behind the same key cools too; another key of the same provider does not."""
    board.failed(A, cast.failure("refused_key"))
    sibling = cast.target("a", "other-model", credential_id=1)
    other_key = cast.target("a", "other-model", credential_id=3)
    assert board.order([sibling, B])[1] == (sibling,)
    assert board.order([other_key, B])[1] == ()


def test_success_forgives(board):
    """A target that answers is healthy at once, and its streak starts anew."""
    board.failed(A, cast.failure("overloaded"))
    board.succeeded(A)
    assert board.order([A, B])[1] == ()
