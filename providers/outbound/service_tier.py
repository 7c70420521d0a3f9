"""How soon a request is to be served, in the words that both of OpenAI's formats share."""

from __future__ import annotations

from typing import Any

_TIERS = {"auto": "auto", "standard_only": "default"}


def service_tier(source: dict[str, Any], *, only_speed: bool = False) -> dict[str, Any]:
    """`service_tier`, when the client named a speed or a tier; `only_speed`: where no tier but `priority` is taken."""
    if source.get("speed") == "fast":
        return {"service_tier": "priority"}
    wanted = source.get("service_tier")
    tier = _TIERS.get(wanted) if isinstance(wanted, str) and not only_speed else None
    return {"service_tier": tier} if tier else {}
