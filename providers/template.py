"""A provider's row as the target that every call to it starts from."""

from __future__ import annotations

import logging

from django.urls import reverse

from providers.models import Credential, OAuthToken, Provider
from providers.oauth.flows import flows_for
from providers.oauth.held import MEMORY
from providers.targets import Secret, SpareKey, Target, Timeouts, signs_in_by_hand
from providers.vault import VaultError

log = logging.getLogger("providers.template")


def template_of(row: Provider, timeouts: Timeouts) -> Target | None:
    """The target of a provider, for no model yet; None when its preset is unknown. Reads its credentials.

    A wait is the provider's own, else what is usual for the vendor, else the one of `timeouts`.
    A key that is missing is told in `problem`, one that cannot be unsealed too where there is no other.
    """
    preset = row.preset_row
    if preset is None:
        return None
    usable = _usable(row)
    own, problem = usable[0] if usable else (SpareKey(Secret(""), 0), "")
    secret = own.secret
    if not secret and not problem and preset.needs_key and not signs_in_by_hand(row.headers):
        problem = "no API key is set; add one to the provider"
        if flows_for(row.preset):
            problem += f", or sign in with an account: {_page_of(row)}"
    return Target(
        provider=row.name,
        preset=preset,
        base_url=row.effective_base_url,
        actual_model="",
        secret=secret,
        credential_id=own.credential_id or None,
        signed_in=own.signed_in,
        account=own.account,
        spare_keys=tuple(spare for spare, _ in usable[1:]),
        extra_headers=tuple(row.headers.items()),
        timeouts=Timeouts(
            row.connect_timeout_s or timeouts.connect,
            row.first_content_timeout_s or preset.first_content_s or timeouts.first_content,
            row.idle_timeout_s or timeouts.idle,
            timeouts.total,
        ),
        project=own.project or row.project_id,
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


def _usable(row: Provider) -> list[tuple[SpareKey, str]]:
    """The enabled keys that can be used, each with no problem; if none can, the first with its problem."""
    opened = [(credential, *_opened(row, credential)) for credential in row.credentials.all() if credential.enabled]
    usable = [found for found in opened if not found[2]] or opened[:1]
    for credential, _, problem in opened:
        if problem and not usable[0][2]:
            log.warning("provider %s: its key %s is left out: %s", row.name, credential.label, problem)
    return [(key, problem) for _, key, problem in usable]


def _opened(row: Provider, credential: Credential) -> tuple[SpareKey, str]:
    try:
        if credential.is_account:
            return _account(row, credential)
        return SpareKey(Secret(credential.reveal()), credential.pk), ""
    except VaultError as error:
        return SpareKey(Secret(""), credential.pk, credential.is_account), str(error)


def _account(row: Provider, credential: Credential) -> tuple[SpareKey, str]:
    """An account's token as this process knows it; one that is over and cannot be renewed is a problem."""
    tokens = OAuthToken.objects.filter(credential=credential).select_related("credential").first()
    if tokens is None or not tokens.access:
        return SpareKey(Secret(""), credential.pk, True), f"sign in first: {_page_of(row)}"
    if tokens.flow not in {flow.name for flow in flows_for(row.preset)}:
        # Somebody has changed the preset since: a token goes to no other vendor than the one that gave it.
        return SpareKey(Secret(""), credential.pk, True), f"its account is of another vendor; sign in: {_page_of(row)}"
    held = MEMORY.adopt(tokens)
    problem = ""
    if not held.can_renew and MEMORY.is_over(held):
        problem = f"sign in again: {_page_of(row)} ({tokens.last_error or 'the token is over'})"
    # A project that is set for the provider is meant for all its accounts.
    return SpareKey(held.access, credential.pk, True, held.account, row.project_id or held.project), problem


def _page_of(row: Provider) -> str:
    return reverse("admin:providers_provider_change", args=(row.pk,))
