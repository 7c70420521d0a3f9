"""How much memory this process holds, against CCM_MEMORY_LIMIT_MB: what is not needed is given up first.

From 80 % of the limit on no request bodies are kept for the log; from 90 % on new requests are
sent away, and those that run go on. Without a limit, or where there is no /proc, nothing is measured.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from django.conf import settings

from proxy.errors import ApiError

TIGHT, FULL = 0.8, 0.9
LOOK_S = 0.25
"""Seconds that a measurement is good for."""
RETRY_AFTER_S = 5
_STATM = Path("/proc/self/statm")

_looked = float("-inf")
_held = 0


def held_bytes() -> int:
    """The memory this process holds, in bytes; 0 where that cannot be known."""
    global _looked, _held
    now = time.monotonic()
    if now - _looked >= LOOK_S:
        _looked = now
        try:
            _held = int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGESIZE")
        except OSError:
            _held = 0
    return _held


def share() -> float:
    """What share of the limit is held; 0 without a limit."""
    limit: float = settings.CCM_MEMORY_LIMIT_MB
    return held_bytes() / (limit * 1024 * 1024) if limit else 0.0


def is_tight() -> bool:
    """True when nothing should be kept that is not needed."""
    return share() >= TIGHT


def admit() -> None:
    """Let a new request in, or raise ApiError (529): there is no memory for it."""
    if share() >= FULL:
        raise ApiError(
            529, "overloaded_error", "the proxy is short of memory (CCM_MEMORY_LIMIT_MB); try again in a moment",
            {"retry-after": str(RETRY_AFTER_S)},
        )  # fmt: skip
