"""A client's tool choice in the words that both of OpenAI's formats share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from providers.presets import Quirks


def shared_tool_choice(choice: Any, quirks: Quirks, named: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """`tool_choice` and `parallel_tool_calls`, when the client said something about them.

    `named` gives the choice of one tool in the format's own words; empty when that tool is not offered.
    """
    if not isinstance(choice, dict):
        return {}
    found: dict[str, Any] = {}
    kind = choice.get("type")
    if kind in ("auto", "none"):
        found["tool_choice"] = kind
    elif kind == "any":
        found["tool_choice"] = "required"
    elif kind == "tool" and isinstance(choice.get("name"), str):
        found |= named(choice["name"])
    if one_at_a_time(choice) and quirks.parallel_tool_calls:
        found["parallel_tool_calls"] = False
    return found


def one_at_a_time(choice: Any) -> bool:
    """True when the client wants one tool call at most in an answer."""
    return isinstance(choice, dict) and choice.get("disable_parallel_tool_use") is True
