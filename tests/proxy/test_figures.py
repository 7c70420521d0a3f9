"""Figures as people read them."""

from decimal import Decimal

import pytest

from proxy import figures


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0"), (9_999, "9,999"), (10_000, "10.0 k"), (12_345, "12.3 k"), (999_499, "999 k"), (999_500, "1.00 M"),
        (4_560_000, "4.56 M"), (123_456_789, "123 M"), (999_999_999, "1.00 B"),
        (5 * 10**12, "5.00 T"), (10**16, "10000 T"),
    ],
)  # fmt: skip
def test_counts_are_short(count, told):
    """Four signs or so, and never 1,000 of a size that has a larger one."""
    assert figures.compact(count) == told


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [
        (0, 0, "–"), (0, 5, "0.0 %"), (1, 3, "33.3 %"), (1, 100_000, "< 0.1 %"), (99_999, 100_000, "> 99.9 %"),
        (7, 7, "100.0 %"),
    ],
)  # fmt: skip
def test_shares_round_neither_to_nothing_nor_to_all(part, whole, told):
    """A share that is there is never shown as none, and one that lacks something never as all."""
    assert figures.share(part, whole) == told


@pytest.mark.parametrize(
    ("cost", "unknown", "told"),
    [
        ("0", 0, "$0.00"), ("0", 3, "not known"), ("0.00004", 0, "< $0.0001"), ("0.00004", 1, "≥ $0.00"),
        ("0.0123", 0, "$0.0123"), ("1234.567", 0, "$1,234.57"), ("12.5", 2, "≥ $12.50"),
    ],
)  # fmt: skip
def test_money_is_the_least_where_prices_are_unknown(cost, unknown, told):
    """Dollars, exact where they are few; with requests of unknown cost it says that it may be more."""
    assert figures.money(Decimal(cost), unknown) == told


@pytest.mark.parametrize(
    ("ms", "told"),
    [
        (None, "–"), (0, "0 ms"), (999.4, "999 ms"), (999.6, "1.00 s"), (9_994, "9.99 s"), (9_996, "10.0 s"),
        (59_000, "59.0 s"), (120_000, "2.0 min"),
    ],
)  # fmt: skip
def test_times_have_a_fitting_unit(ms, told):
    """Milliseconds, seconds or minutes, three digits."""
    assert figures.seconds(ms) == told


def test_nouns_follow_their_counts():
    """One call, no calls, 2,000 calls; irregular ones are told."""
    assert [figures.plural(count, "call") for count in (1, 0, 2000)] == ["1 call", "0 calls", "2,000 calls"]
    assert figures.plural(2, "process", "processes") == "2 processes"
