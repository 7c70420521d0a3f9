"""Figures as people read them: counts, shares, money, times. Short, and never more exact than they are known."""

from __future__ import annotations

from decimal import Decimal

NONE = "–"
_SUFFIXES = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))


def compact(count: int) -> str:
    """A count in four signs or so: 9,876, 12.3 k, 4.56 M."""
    if count < 10_000:
        return f"{count:,}"
    for size, suffix in _SUFFIXES:
        # What would be rounded to 1,000 of a size is one of the next.
        if count >= size * Decimal("0.9995"):
            return f"{_three(count / size)} {suffix}"
    raise AssertionError("a count of 10,000 is above the smallest size")


def share(part: int, whole: int) -> str:
    """A part of a whole in percent; a dash when there is no whole."""
    if whole <= 0:
        return NONE
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"


def money(cost: Decimal, unknown: int = 0) -> str:
    """Dollars; the least it can have been, or that nobody knows it, where `unknown` requests have no price."""
    if unknown and not cost:
        return "not known"
    if 0 < cost < Decimal("0.0001"):
        return "≥ $0.00" if unknown else "< $0.0001"
    told = f"${cost:,.2f}" if cost >= 1 or not cost else f"${cost:.4f}"
    return f"≥ {told}" if unknown else told


def seconds(ms: float | None) -> str:
    """A time, told in milliseconds; a dash when there is none."""
    if ms is None:
        return NONE
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 99_950:
        return f"{_three(ms / 1000)} s"
    return f"{ms / 60_000:.1f} min"


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun; `many` where it is more than an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _three(value: float) -> str:
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
