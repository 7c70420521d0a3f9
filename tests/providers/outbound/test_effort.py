"""Efforts: what was asked for is brought to what the vendor's models take."""

import pytest

from providers.outbound.effort import EFFORTS, clamp_effort

COMMON = ("low", "medium", "high")
ALL = ("none", "minimal", *EFFORTS)


@pytest.mark.parametrize(
    ("wanted", "allowed", "expected"),
    [
        ("medium", COMMON, "medium"),
        ("xhigh", COMMON, "high"),
        ("max", COMMON, "high"),
        ("max", (*COMMON, "xhigh"), "xhigh"),
        ("max", ALL, "max"),
        ("minimal", COMMON, "low"),
        ("low", ("medium", "high"), "medium"),
        ("high", ("max", "low"), "low"),
        ("none", COMMON, "low"),
        ("none", ("minimal", *COMMON), "minimal"),
        ("none", ALL, "none"),
        ("low", ("none", "medium"), "medium"),
        ("low", ("none",), "none"),
        ("low", ("absurd",), None),
        ("none", (), None),
    ],
)
def test_the_nearest_lower_effort_is_chosen(wanted, allowed, expected):
    """An effort a vendor lacks becomes the nearest lower one, or the lowest there is; thinking stays on if wanted."""
    assert clamp_effort(wanted, allowed) == expected


@pytest.mark.parametrize("wanted", ALL)
def test_the_order_of_a_row_does_not_matter(wanted):
    """A preset may list its efforts in any order."""
    assert clamp_effort(wanted, COMMON[::-1]) == clamp_effort(wanted, COMMON)
