"""Whether a provider and a model can be addressed at all: told when they are entered, not when they are called."""

from __future__ import annotations

from providers.outbound.vertex import LOCATION, published
from providers.presets import Preset


def provider_problems(preset: Preset, base_url: str, project_id: str, location: str) -> dict[str, str]:
    """What a provider of this preset lacks to be called, by field, each with the fix; empty when nothing."""
    problems: dict[str, str] = {}
    if not preset.base_url and not base_url:
        problems["base_url"] = f"{preset.label} has no address of its own: enter the base URL."
    if preset.addressing == "vertex":
        if not project_id.strip():
            problems["project_id"] = f"{preset.label} needs the ID of your Google Cloud project."
        if not LOCATION.fullmatch(location):
            problems["location"] = f"{preset.label} needs a location, such as global, eu or europe-west4."
    return problems


def model_problem(preset: Preset | None, model: str) -> str:
    """Why a model of this name cannot be asked for at this preset, and the fix; empty when it can.

    Without a preset (None: not known yet) only what holds for all of them is looked at.
    """
    if not model.strip():
        return "Enter the model's name at the provider."
    if not model.isprintable():
        return "A model's name must not hold line ends, control or other unprintable characters."
    if preset is None or not (preset.wire_format == "gemini" or preset.addressing == "vertex"):
        return ""  # the name goes into the body, where any text is a name
    name = published(model, "")[1] if preset.addressing == "vertex" else model.removeprefix("models/")
    if name and not ("/" in name or ".." in name or any(character.isspace() for character in name)):
        return ""
    example = f", such as {preset.suggested_model}" if preset.suggested_model else ""
    return f"{preset.label} has the model in its address: give the bare name{example}, without blanks, slashes or “..”."
