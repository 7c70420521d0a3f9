"""When a first content is late by a target's own recent times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import pace
from proxy.pace import ENOUGH, FLOOR_S, KEPT, WINDOW_S, Pace, kind_of
from tests import cast
from tests.clock import Clock

A = cast.target("a")
USUAL = kind_of(A, thinks=False, size=5000)


def known(*seconds):
    found = Pace(now=Clock())
    for number in seconds:
        found.note(USUAL, number)
    return found


def test_few_times_say_nothing():
    """A limit needs ten recent times, and there is none for a kind of which nothing is known."""
    assert known(*[4.0] * (ENOUGH - 1)).limit(USUAL, 120) is None
    assert known(*[4.0] * ENOUGH).limit(USUAL, 120) == 12
    assert Pace(now=Clock()).limit(USUAL, 120) is None


def test_late_is_three_times_what_nearly_all_took():
    """One slow answer of thirty does not move the limit; among ten it does."""
    assert known(*[4.0] * 29, 90.0).limit(USUAL, 120) == 12
    assert known(*[4.0] * 9, 30.0).limit(USUAL, 120) == 90


def test_the_limit_has_a_floor_and_never_exceeds_the_configured_one():
    """A quick target gets five seconds all the same; a slow one nothing beside its configured limit."""
    quick, slow = known(*[0.1] * ENOUGH), known(*[50.0] * ENOUGH)
    assert quick.limit(USUAL, 120) == FLOOR_S
    assert quick.limit(USUAL, 2) is None
    assert slow.limit(USUAL, 120) is None


@given(st.lists(st.floats(0, 1000), max_size=100), st.floats(0.1, 600))
def test_whatever_was_seen_the_limit_is_between_floor_and_most(times, most):
    """No sequence of times makes a limit that is none, or one longer than the configured."""
    late = known(*times).limit(USUAL, most)
    assert late is None or FLOOR_S <= late < most


@pytest.mark.parametrize(
    "other",
    [
        kind_of(cast.target("b"), thinks=False, size=5000),
        kind_of(cast.target("a", "other-model"), thinks=False, size=5000),
        kind_of(A, thinks=True, size=5000),
        kind_of(A, thinks=False, size=50_000),
    ],
)
def test_kinds_do_not_know_of_each_other(other):
    """Another provider, model or size, or thinking, has times of its own."""
    assert other != USUAL
    assert known(*[4.0] * ENOUGH).limit(other, 120) is None


def test_sizes_are_told_in_five_steps():
    """Prompts of like size are one kind; above a megabyte all are."""
    sizes = [0, 16_383, 16_384, 65_535, 65_536, 262_143, 262_144, 1_048_575, 1_048_576, 10**9]
    assert [kind_of(A, False, size).size for size in sizes] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_times_are_forgotten():
    """What is older than half an hour says nothing, and only the newest are kept."""
    found = known(*[4.0] * ENOUGH)
    found.now.now += WINDOW_S
    assert found.limit(USUAL, 120) is None
    assert known(*[30.0] * 50, *[4.0] * KEPT).limit(USUAL, 120) == 12


def test_memory_is_bounded(monkeypatch):
    """Of more kinds than may be remembered, the one that was used least lately goes."""
    monkeypatch.setattr(pace, "MAX_KINDS", 2)
    found = Pace(now=Clock())
    kinds = [kind_of(cast.target("a", f"m{number}"), False, 1) for number in range(3)]
    for kind in (kinds[0], kinds[1], kinds[0], kinds[2]):
        for _ in range(ENOUGH):
            found.note(kind, 4.0)
    assert [found.limit(kind, 120) for kind in kinds] == [12, None, 12]


def test_a_vendor_that_has_become_slow_is_given_more_time():
    """Each time it was given up counts with the time it had: after a few it is served again."""
    found, given_up = known(*[1.0] * KEPT), 0
    while (late := found.limit(USUAL, 120)) is not None and late < 25:
        found.note(USUAL, late)
        given_up += 1
        assert given_up <= 12
    assert given_up > 0
