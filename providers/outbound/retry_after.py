"""How long an upstream asks us to wait, from the headers vendors use for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MIN_S, MAX_S = 1.0, 3600.0
LIMITED = 429
"""The status of an answer whose reset headers say when it is worth coming back."""

_ANTHROPIC_LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def retry_after_seconds(headers: Mapping[str, str], status: int = LIMITED) -> float | None:
    """Seconds from `retry-after-ms`, `retry-after` (seconds or date) or vendors' reset headers, clamped to 1 s … 1 h.

    A time of day is measured against the answer's own Date header: clocks differ. Resets come
    with every answer and say something about a 429 only. None when nothing usable is said.
    Sources: RFC 9110 section 10.2.3; OpenAI's `x-ratelimit-reset-*`, Anthropic's `anthropic-ratelimit-*-reset`.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _clamped(milliseconds / 1000)
    now = _instant(headers.get("date"))
    text = headers.get("retry-after")
    if text is not None:
        seconds = _number(text)
        if seconds is None:
            seconds = _between(now, _instant(text))
        if seconds is not None:
            return _clamped(seconds)
    if status != LIMITED:
        return None
    known = [reset for reset in (*_durations(headers), *_instants(headers, now)) if reset is not None]
    return _clamped(max(known)) if known else None


def _durations(headers: Mapping[str, str]) -> list[float | None]:
    names = {name: f"x-ratelimit-remaining-{name}" for name in ("requests", "tokens")}
    return [_duration(headers.get(f"x-ratelimit-reset-{name}")) for name in _used_up(headers, names)]


def _instants(headers: Mapping[str, str], now: datetime | None) -> list[float | None]:
    names = {name: f"anthropic-ratelimit-{name}-remaining" for name in _ANTHROPIC_LIMITS}
    resets = [_instant(headers.get(f"anthropic-ratelimit-{name}-reset")) for name in _used_up(headers, names)]
    if headers.get("anthropic-ratelimit-unified-status") == "rejected":
        resets.append(_epoch(headers.get("anthropic-ratelimit-unified-reset")))
    return [_between(now, reset) for reset in resets]


def _used_up(headers: Mapping[str, str], remaining: Mapping[str, str]) -> list[str]:
    """The limits with nothing left; all of them when none says so: where one is used up, the others tell nothing."""
    return [name for name, header in remaining.items() if _number(headers.get(header)) == 0] or list(remaining)


def _clamped(seconds: float) -> float:
    return min(max(seconds, MIN_S), MAX_S)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if value == value else None


def _between(now: datetime | None, then: datetime | None) -> float | None:
    return (then - now).total_seconds() if now is not None and then is not None else None


def _instant(text: str | None) -> datetime | None:
    """An HTTP date or an RFC 3339 time."""
    for parsed in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = parsed(text or "")
            return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        except (TypeError, ValueError, OverflowError):
            continue
    return None


def _epoch(text: str | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(_number(text) or 0.0, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _duration(text: str | None) -> float | None:
    parts = _DURATION.findall(text or "")
    return sum(float(amount) * _UNITS[unit] for amount, unit in parts) if parts else None
