"""Times in buckets, and what can be told from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.histogram import BOUNDS, BUCKETS, bucket, percentile


@pytest.mark.parametrize(
    ("ms", "number"),
    [(0, 0), (16, 0), (17, 1), (23, 1), (24, 2), (32, 2), (4_194_304, 36), (4_194_305, 37), (2**31, 37)],
)
def test_a_time_is_in_the_bucket_that_reaches_it(ms, number):
    """Bounds belong to the bucket they end; the last has no end."""
    assert bucket(ms) == number < BUCKETS


def counted(times):
    counts = [0] * BUCKETS
    for ms in times:
        counts[bucket(ms)] += 1
    return counts


@given(st.lists(st.integers(17, BOUNDS[-1]), min_size=1, max_size=300), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_percentile_is_in_the_bucket_of_the_real_one(times, share):
    """So it is never further away than the bucket is wide: a factor of √2."""
    rank = max(int(-(-share * len(times) // 1)) - 1, 0)
    real = sorted(times)[rank]
    assert real / 1.5 < percentile(counted(times), share) < real * 1.5


@given(st.lists(st.integers(0, 10**7), min_size=1), st.lists(st.integers(0, 10**7)))
def test_counts_can_be_added_up(first, second):
    """What two hours say together is what all their requests say."""
    both = [a + b for a, b in zip(counted(first), counted(second), strict=True)]
    assert percentile(both, 0.5) == percentile(counted(first + second), 0.5)


def test_the_edges():
    """Nothing has no percentile, and what is beyond the last bound is told as that bound."""
    assert percentile([0] * BUCKETS, 0.5) is None
    assert percentile(counted([10**9]), 0.95) == BOUNDS[-1]
    assert 0 < percentile(counted([5] * 4), 0.5) <= 16
    assert percentile([0, -1, 2, *[0] * (BUCKETS - 3)], 0.5) > BOUNDS[1]
