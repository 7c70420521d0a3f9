import pytest

from proxy import health
from proxy.health import CoolingBoard, Subject
from tests import cast
from tests.clock import Clock

A, B = cast.target("a", credential_id=1), cast.target("b", credential_id=2)


@pytest.fixture
def board():
    return CoolingBoard(now=Clock(), jitter=lambda: 0.0)


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


def held(board):
    return {subject: (known.kind.value, known.streak) for subject, known in board.snapshot().items()}


def cooled_for(board, target):
    return board.snapshot()[Subject(*target.key)].until - board.now()


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("overloaded", [5, 10, 20, 40, 80, 160, 320, 600, 600]), ("rate_limited", [10, 20, 40]),
        ("unreachable", [5, 10, 20, 40, 60, 60]), ("timed_out", [15, 30, 60, 60]), ("garbled", [5, 10]),
    ],
)  # fmt: skip
def test_the_back_off_grows_to_its_limit(board, kind, seconds):
    """Each failure in a row doubles the cooldown: to ten minutes, or to one where it is to be brief."""
    got = []
    for _ in seconds:
        board.failed(A, cast.failure(kind))
        got.append(cooled_for(board, A))
        board.now.now += got[-1] + 1
    assert got == seconds


def test_the_back_off_has_jitter():
    """The same failure benches up to a fifth longer; a time that the upstream names is kept as it is."""
    board = CoolingBoard(now=Clock(), jitter=lambda: 1.0)
    board.failed(A, cast.failure("overloaded"))
    board.failed(B, cast.failure("overloaded", retry_after_s=30))
    assert (cooled_for(board, A), cooled_for(board, B)) == (6, 30)


@pytest.mark.parametrize(("asked", "kept"), [(0.01, 1), (-5, 1), (1, 1), (900, 900), (1e9, 3600)])
def test_an_upstreams_wish_is_clamped(board, asked, kept):
    """No upstream benches itself for less than a second or for more than an hour."""
    board.failed(A, cast.failure("rate_limited", retry_after_s=asked))
    assert cooled_for(board, A) == kept


def test_calls_under_way_together_fail_once(board):
    """Twenty calls that one outage ends are one failure, and the next one is the second."""
    begun = board.now()
    board.now.now += 1
    for _ in range(20):
        board.failed(A, cast.failure("overloaded"), begun)
    assert held(board) == {Subject(*A.key): ("overloaded", 1)}
    board.now.now += 6
    board.failed(A, cast.failure("overloaded"), board.now())
    assert held(board) == {Subject(*A.key): ("overloaded", 2)}


def test_a_later_failure_shortens_no_cooldown(board):
    """A limit that lasts a quarter of an hour still does when an overload comes between."""
    board.failed(A, cast.failure("rate_limited", retry_after_s=900))
    board.failed(A, cast.failure("overloaded"))
    assert cooled_for(board, A) == 900


def test_an_old_success_forgives_nothing(board):
    """A stream that began before its target was limited says nothing about the limit; a later one does."""
    begun = board.now()
    board.now.now += 1
    board.failed(A, cast.failure("rate_limited"))
    board.succeeded(A, begun)
    assert board.order([A, B])[1] == (A,)
    board.succeeded(A, board.now())
    assert board.order([A, B])[1] == ()


def test_a_failure_long_ago_is_not_in_a_row(board):
    """An hour after its cooldown a target starts anew."""
    for _ in range(3):
        board.failed(A, cast.failure("overloaded"))
    board.now.now += 3700
    board.failed(A, cast.failure("overloaded"))
    assert held(board) == {Subject(*A.key): ("overloaded", 1)}


def test_one_probe_at_a_time(board):
    """After the cooldown one call may begin; until it ends the target cools for all others."""
    board.failed(A, cast.failure("overloaded"))
    assert board.begin(A) is False
    board.now.now += 6
    assert board.order([A, B]) == ((A, B), ())
    assert [board.begin(A) for _ in range(20)] == [True] + [False] * 19
    assert board.order([A, B]) == ((B, A), (A,))
    board.succeeded(A, board.now())
    assert [board.begin(A) for _ in range(3)] == [True] * 3


def test_a_probe_that_fails_benches_for_longer(board):
    """The second failure in a row doubles the time, and nobody else asks in the meantime."""
    board.failed(A, cast.failure("overloaded"))
    board.now.now += 6
    assert board.begin(A)
    board.failed(A, cast.failure("overloaded"), board.now())
    assert (board.begin(A), cooled_for(board, A)) == (False, 10)


@pytest.mark.parametrize("end", ["released", "rejected", "expired"])
def test_a_probe_that_tells_nothing_makes_way(board, end):
    """A client that leaves, a request at fault itself, or thirty seconds of silence: the next call is the probe."""
    board.failed(A, cast.failure("overloaded"))
    board.now.now += 6
    assert board.begin(A)
    if end == "released":
        board.released(A, board.now())
    elif end == "rejected":
        board.failed(A, cast.failure("rejected"), board.now())
    else:
        board.now.now += health.PROBE_S
    assert [board.begin(A), board.begin(A)] == [True, False]


def test_who_began_earlier_ends_no_probe(board):
    """A call from before the probe that is cancelled leaves the probe its time."""
    board.failed(A, cast.failure("overloaded"))
    begun = board.now()
    board.now.now += 6
    assert board.begin(A)
    board.released(A, begun)
    assert board.begin(A) is False


KEYS = [cast.target("a", credential_id=number, key_told=f"key {number} of 2") for number in (1, 2)]


def probing_twin(board):
    """A board whose second key is being probed when the first one meets a provider that is away; the probe's start."""
    one, two = KEYS
    board.failed(two, cast.failure("rate_limited"))
    board.now.now += 11
    assert board.begin(two)
    begun = board.now()
    board.now.now += 1
    for key in (one, two):
        board.failed(key, cast.failure("unreachable"), board.now(), called=key is one)
    return begun


def test_another_key_s_failure_ends_no_probe(board):
    """What one key met benches its twins too, but the call that probes one of them goes on alone."""
    probing_twin(board)
    assert board.order([KEYS[1], B])[1] == (KEYS[1],)
    board.now.now += 16  # longer than the bench
    assert board.begin(KEYS[1]) is False
    board.now.now += health.PROBE_S
    assert board.begin(KEYS[1])


@pytest.mark.parametrize("end", ["failed", "succeeded", "released"])
def test_a_probe_ends_itself_whatever_other_keys_met(board, end):
    """However the probe ends, the next call after the bench is the next probe."""
    begun = probing_twin(board)
    board.now.now += 1
    if end == "failed":
        board.failed(KEYS[1], cast.failure("garbled"), begun)
    else:
        getattr(board, end)(KEYS[1], begun)
    board.now.now += 18
    assert [board.begin(KEYS[1]), board.begin(KEYS[1])] == [True, False]


def test_a_probe_of_a_key_covers_all_its_models(board):
    """While one model finds out about a refused key, another model behind it waits."""
    sibling = cast.target("a", "other-model", credential_id=1)
    board.failed(A, cast.failure("refused_key"))
    board.now.now += 400
    assert board.begin(A)
    assert board.order([sibling, B])[1] == (sibling,)


def test_memory_is_bounded(board, monkeypatch):
    """Of more subjects than may be remembered, the one that is ready soonest is forgotten."""
    monkeypatch.setattr(health, "MAX_SUBJECTS", 3)
    for number in range(20):
        board.failed(cast.target("a", f"m{number}"), cast.failure("rate_limited", retry_after_s=100 - number))
    assert [subject.actual_model for subject in board.snapshot()] == ["m0", "m1", "m19"]
    assert len(board.changes()) <= 6


def test_changes_wait_until_they_are_told(board):
    """A change is there until it is told, and one that came after it stays."""
    board.failed(A, cast.failure("overloaded", "busy"))
    (change,) = board.changes()
    assert (change.subject, change.ailment.words) == (Subject(*A.key), "busy")
    board.succeeded(A)
    board.told(change)
    (later,) = board.changes()
    assert later.ailment is None
    board.told(later)
    assert board.changes() == []


def test_news_from_elsewhere_yields_to_news_from_here(board):
    """What another process says is taken over, but not over a change of our own that is not told yet."""
    board.failed(A, cast.failure("overloaded"))
    (change,) = board.changes()
    board.merge(change.subject, None)
    assert board.order([A, B])[1] == (A,)
    board.told(change)
    board.merge(change.subject, None)
    assert board.order([A, B])[1] == ()
    board.merge(change.subject, change.ailment)
    assert board.order([A, B])[1] == (A,)
    assert board.changes() == []


def test_what_is_held_against_a_target_can_be_looked_at(board):
    """The model's ailment and the key's; looking makes nobody a probe."""
    assert board.held_against(A) == ()
    board.failed(A, cast.failure("refused_key", "no such key"))
    board.failed(A, cast.failure("overloaded", "busy"))
    assert {held.words for held in board.held_against(A)} == {"no such key", "busy"}
    assert board.held_against(B) == ()
    board.now.now += 400
    before = board.snapshot()
    board.held_against(A)
    assert board.snapshot() == before
    assert board.begin(A)
