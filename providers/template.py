"""A provider's row as the target that every call to it starts from."""

from __future__ import annotations

from collections.abc import Mapping

from providers.models import Credential, Provider
from providers.targets import SIGN_IN_HEADERS, Secret, Target, Timeouts
from providers.vault import VaultError


def template_of(row: Provider, timeouts: Timeouts) -> Target | None:
    """The target of a provider, for no model yet; None when its preset is unknown. Reads its credentials.

    A wait is the provider's own, else what is usual for the vendor, else the one of `timeouts`.
    A key that is missing or cannot be unsealed is told in `problem`.
    """
    preset = row.preset_row
    if preset is None:
        return None
    credential = next((c for c in row.credentials.all() if c.enabled), None)
    secret, problem = _reveal(credential)
    if not secret and not problem and preset.needs_key and not _signs_in_by_header(row.headers):
        problem = "no API key is set; add one to the provider"
    return Target(
        provider=row.name,
        preset=preset,
        base_url=row.effective_base_url,
        actual_model="",
        secret=secret,
        credential_id=credential.pk if credential else None,
        extra_headers=tuple(row.headers.items()),
        timeouts=Timeouts(
            row.connect_timeout_s or timeouts.connect,
            row.first_content_timeout_s or preset.first_content_s or timeouts.first_content,
            row.idle_timeout_s or timeouts.idle,
            timeouts.total,
        ),
        project=row.project_id,
        location=row.location,
        max_concurrency=row.max_concurrency,
        problem=problem,
    )


def usual_model(row: Provider) -> str:
    """The model to try a provider with: mapped, else offered, else what its preset suggests, else ""."""
    mapped = row.mappings.filter(enabled=True).order_by("priority", "pk").first()
    if mapped is not None:
        return str(mapped.actual_model)
    if row.models_offered:
        return str(row.models_offered[0])
    return row.preset_row.suggested_model if row.preset_row else ""


def _signs_in_by_header(headers: Mapping[str, str]) -> bool:
    return any(name.lower() in SIGN_IN_HEADERS for name in headers)


def _reveal(credential: Credential | None) -> tuple[Secret, str]:
    if credential is None:
        return Secret(""), ""
    try:
        return Secret(credential.reveal()), ""
    except VaultError as error:
        return Secret(""), str(error)
