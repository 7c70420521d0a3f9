"""How long an upstream asks us to wait, from the headers vendors use for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

MIN_S, MAX_S = 1.0, 3600.0

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds from `retry-after-ms`, `retry-after` (seconds or date) or a reset duration, clamped to 1 s … 1 h.

    A date is measured against the answer's own Date header: clocks differ. None when
    nothing usable is said. Source: RFC 9110 section 10.2.3; OpenAI's `x-ratelimit-reset-*`.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _clamped(milliseconds / 1000)
    text = headers.get("retry-after")
    if text is not None:
        seconds = _number(text)
        if seconds is None:
            seconds = _until(text, headers.get("date"))
        if seconds is not None:
            return _clamped(seconds)
    limits = ("requests", "tokens")
    # Both resets come with every answer; where one limit is used up, the other has nothing to say.
    used_up = [what for what in limits if _number(headers.get(f"x-ratelimit-remaining-{what}")) == 0]
    resets = [_duration(headers.get(f"x-ratelimit-reset-{what}")) for what in used_up or limits]
    known = [reset for reset in resets if reset is not None]
    return _clamped(max(known)) if known else None


def _clamped(seconds: float) -> float:
    return min(max(seconds, MIN_S), MAX_S)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if value == value else None


def _until(text: str, now: str | None) -> float | None:
    try:
        then = parsedate_to_datetime(text)
        return (then - parsedate_to_datetime(now or "")).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None


def _duration(text: str | None) -> float | None:
    parts = _DURATION.findall(text or "")
    return sum(float(amount) * _UNITS[unit] for amount, unit in parts) if parts else None
