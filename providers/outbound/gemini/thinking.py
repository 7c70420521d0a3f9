"""How hard a Gemini model is asked to think, in the one of two settings that its generation takes.

Source: the thinking guides of the Gemini API and of Vertex AI, with their tables of levels and budgets per model.
"""

from __future__ import annotations

import re
from typing import Any

from providers.outbound.effort import effective_effort, shows_thinking, thinking_budget, thinking_type

_NAMED = re.compile(r"(?:^|/)gemini-(\d+)(?:\.(\d+))?(?:-|$)")
_LATEST = re.compile(r"(?:^|/)gemini-[a-z-]+-latest$")
_OTHER_KINDS = ("-image", "-tts", "-live", "-audio")
"""Models of a generation that thinks, which take no thinking setting themselves."""

_LEVELS = {"low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH"}
_BUDGETS = {"low": 1024, "medium": 8192, "high": 24576}
_RANGES = (("-pro", (128, 32768)), ("-flash-lite", (512, 24576)), ("", (1, 24576)))
"""The least and the most a 2.5 model may be told to think; all but the `-pro` ones may also be told not to."""
_DYNAMIC = -1


def generation(model: str) -> tuple[int, int]:
    """The version in a model's name, such as (2, 5); what `-latest` names counts as (3, 8), other names as (0, 0)."""
    if found := _NAMED.search(model):
        return int(found[1]), int(found[2] or 0)
    return (3, 8) if _LATEST.search(model) else (0, 0)


def is_third(model: str) -> bool:
    """True from Gemini 3 on: signatures are demanded, and results of tools may hold media."""
    return generation(model) >= (3, 0)


def thinking_config(source: dict[str, Any], model: str) -> dict[str, Any]:
    """`thinkingConfig`, empty when there is nothing to say: a level from Gemini 3 on, a budget for 2.5, never both."""
    version = generation(model)
    if version < (2, 5) or any(kind in model for kind in _OTHER_KINDS):
        return {}
    config: dict[str, Any] = {}
    if version >= (3, 0):
        if level := _level(source, model, version):
            config["thinkingLevel"] = level
    else:
        budget = _budget(source, model)
        if budget is not None:
            config["thinkingBudget"] = budget
    if shows_thinking(source):
        config["includeThoughts"] = True
    return config


def thinks(config: dict[str, Any], model: str) -> bool:
    """True when the model thinks before it answers, asked with this `thinkingConfig`."""
    version = generation(model)
    if version < (2, 5) or any(kind in model for kind in _OTHER_KINDS):
        return False
    return version >= (3, 0) or config.get("thinkingBudget", 0 if "-flash-lite" in model else _DYNAMIC) != 0


def _level(source: dict[str, Any], model: str, version: tuple[int, int]) -> str | None:
    effort = effective_effort(source)
    if effort is None:
        return _least(model, version) if _is_off(source) else None
    level = _LEVELS[effort]
    return "HIGH" if level == "MEDIUM" and version == (3, 0) and "-pro" in model else level


def _least(model: str, version: tuple[int, int]) -> str:
    """It cannot be off, and a level that a model does not have is refused."""
    return "MINIMAL" if "-flash-lite" in model or ("-flash" in model and version < (3, 6)) else "LOW"


def _is_off(source: dict[str, Any]) -> bool:
    return thinking_type(source) in ("disabled", "between_tools")


def _budget(source: dict[str, Any], model: str) -> int | None:
    least, most = next(limits for kind, limits in _RANGES if kind in model)
    effort = effective_effort({**source, "thinking": None})
    if effort is not None:
        return _BUDGETS.get(effort, most)
    if _is_off(source):
        return least if "-pro" in model else 0
    if budget := thinking_budget(source):
        return min(max(budget, least), most)
    return None if thinking_type(source) is None else _DYNAMIC
