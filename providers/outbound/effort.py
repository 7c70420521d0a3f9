"""How hard the client wants the model to think, read from wherever it said so."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

EFFORTS = ("low", "medium", "high", "xhigh", "max")
"""Anthropic's efforts, least first."""

_SCALE = ("none", "minimal", *EFFORTS)
"""Every effort some vendor knows, least first."""

_BUDGETS = ((2_000, "low"), (8_000, "medium"), (24_000, "high"))


def effective_effort(source: dict[str, Any]) -> str | None:
    """The effort asked for: the last per-message one, else the top-level one, else the thinking budget's."""
    configs = [m.get("output_config") for m in source.get("messages") or () if isinstance(m, dict)]
    for config in [*reversed(configs), source.get("output_config")]:
        if isinstance(config, dict) and config.get("effort") in EFFORTS:
            return str(config["effort"])
    budget = thinking_budget(source)
    return None if budget is None else next((effort for most, effort in _BUDGETS if budget < most), "xhigh")


def thinking_type(source: dict[str, Any]) -> str | None:
    """`thinking.type`, or None."""
    thinking = source.get("thinking")
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    return kind if isinstance(kind, str) else None


def thinking_budget(source: dict[str, Any]) -> int | None:
    """The token budget of `enabled` thinking; 0 when it names none, None when thinking is not `enabled`."""
    if thinking_type(source) != "enabled":
        return None
    budget = source["thinking"].get("budget_tokens")
    return budget if isinstance(budget, int) and not isinstance(budget, bool) and budget > 0 else 0


def asks_for_thinking(source: dict[str, Any]) -> bool:
    """True when thinking may be part of the answer, shown or not: who asks for none takes the first block for text."""
    return thinking_type(source) not in (None, "disabled")


def shows_thinking(source: dict[str, Any]) -> bool:
    """True when the client wants to read the thinking: it asked for thinking and did not ask to omit it."""
    thinking = source.get("thinking")
    wanted = thinking_type(source) in ("enabled", "adaptive")
    return wanted and isinstance(thinking, dict) and thinking.get("display") != "omitted"


def clamp_effort(wanted: str, allowed: Collection[str]) -> str | None:
    """The effort to ask for: `wanted`, else the nearest lower one of `allowed`, else the lowest; None of none.

    `none` switches thinking off, so it is chosen only for itself or when nothing else is allowed.
    """
    known = [effort for effort in _SCALE if effort in allowed]
    thinks = [effort for effort in known if effort != "none"]
    if wanted == "none" or not thinks:
        return known[0] if known else None
    rank = _SCALE.index(wanted)
    return next((effort for effort in reversed(thinks) if _SCALE.index(effort) <= rank), thinks[0])
