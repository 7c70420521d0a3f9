"""The lines that point Claude Code at this service."""

from __future__ import annotations

import shlex

from django.conf import settings

from proxy.models import ClientKey, LogicalModel, RouterSettings

ANY_TOKEN = "any-string-works-on-this-machine"  # noqa: S105
OWN_TOKEN = "YOUR-CLIENT-KEY"  # noqa: S105
"""Stands for a key that is shown once, when it is made."""


def export_lines(address: str, model: LogicalModel | None) -> list[str]:
    """What to enter in a shell. `address`: where this service answers; the model is named unless routes find it."""
    keys = ClientKey.objects.filter(enabled=True).exists() or settings.CCM_REQUIRE_CLIENT_KEY == "always"
    found = {"ANTHROPIC_BASE_URL": address, "ANTHROPIC_AUTH_TOKEN": OWN_TOKEN if keys else ANY_TOKEN}
    if model is not None and RouterSettings.load().default_id != model.pk:
        found["ANTHROPIC_MODEL"] = model.name
    return [f"export {name}={shlex.quote(value)}" for name, value in found.items()]
