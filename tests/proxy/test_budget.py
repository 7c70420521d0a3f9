import pytest

from proxy.budget import RepeatBudget
from tests.clock import Clock


@pytest.fixture
def budget():
    return RepeatBudget(now=Clock())


def granted(budget, asked=1000):
    return sum(budget.may_repeat() for _ in range(asked))


@pytest.mark.parametrize(("requests", "repeats"), [(0, 10), (1, 10), (100, 10), (109, 10), (110, 11), (1000, 100)])
def test_repeats_are_a_tenth_of_the_requests(budget, requests, repeats):
    """Ten a minute are always allowed; with traffic it is a tenth of the requests."""
    for _ in range(requests):
        budget.requested()
    assert granted(budget) == repeats


def test_what_was_granted_is_used_up(budget):
    """The budget is of the whole minute, however the requests and repeats are spread over it."""
    assert granted(budget) == 10
    for _ in range(200):
        budget.now.now += 0.1
        budget.requested()
    assert granted(budget) == 10


def test_a_minute_later_all_is_forgotten(budget):
    """Neither requests nor repeats count for longer than a minute."""
    for _ in range(500):
        budget.requested()
    assert granted(budget) == 50
    budget.now.now += 59
    assert granted(budget) == 0
    budget.now.now += 1
    assert granted(budget) == 10


def test_under_steady_failure_extra_calls_stay_below_a_tenth(budget):
    """Five minutes of fifty requests a second that all want a repeat make a tenth more calls, not twice as many."""
    repeats = 0
    for _ in range(50 * 300):
        budget.now.now += 0.02
        budget.requested()
        repeats += budget.may_repeat()
    assert 1000 < repeats <= 1500 + 10
