"""AI Studio's list of models. Source: the REST reference of the Gemini API, `models.list`."""

from __future__ import annotations

from providers.outbound.listing import list_request, listed_objects, usable_names
from providers.outbound.vertex import versioned
from providers.targets import Target, UpstreamRequest

_ACTION = "generateContent"


def models_request(target: Target) -> UpstreamRequest | None:
    """The call of `models.list`, a thousand at once; None at other addresses than AI Studio's."""
    if target.preset.addressing:
        return None
    return list_request(target, f"{versioned(target.base_url, 'v1beta')}/models?pageSize=1000")


def listed(body: bytes) -> list[str]:
    """The names without `models/` of those that generate content; a model that does not say what it does counts.

    Raises UpstreamFailure (garbled).
    """
    names = []
    for item in listed_objects(body, "models"):
        actions, name = item.get("supportedGenerationMethods"), item.get("name")
        if isinstance(name, str) and (not isinstance(actions, list) or _ACTION in actions):
            names.append(name.removeprefix("models/"))
    return usable_names(names)
