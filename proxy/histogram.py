"""Times counted in fixed buckets, so that counts of any hours can be added up and asked for percentiles.

Each bucket reaches to √2 times the one before: a percentile is off by a fifth at most, and usually far less.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

FIRST_MS = 16
BOUNDS: tuple[int, ...] = tuple(round(FIRST_MS * 2 ** (step / 2)) for step in range(37))
"""The last millisecond of each bucket but the last, which is for everything above 70 minutes."""
BUCKETS = len(BOUNDS) + 1


def bucket(ms: int) -> int:
    """The number of the bucket that a time in milliseconds belongs to."""
    return bisect_left(BOUNDS, ms)


def percentile(counts: Sequence[int], share: float) -> float | None:
    """The milliseconds that this share (0..1) of all do not exceed, as far as the buckets tell; None of none."""
    total = sum(counts)
    if total <= 0:
        return None
    wanted, before = share * total, 0
    for number, count in enumerate(counts):
        if count > 0 and before + count >= wanted:
            return _within(number, (wanted - before) / count)
        before += count
    return float(BOUNDS[-1])


def _within(number: int, part: float) -> float:
    if number == 0:
        return BOUNDS[0] * part
    low = BOUNDS[number - 1]
    high = BOUNDS[number] if number < len(BOUNDS) else low
    return float(low * (high / low) ** part)
