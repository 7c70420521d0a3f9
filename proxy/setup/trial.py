"""Calling the provider that is being set up: the real test, and the list of its models."""

from __future__ import annotations

import time
from dataclasses import replace

from providers.checking import LIST_HINTS, CheckResult, check_rows, fetch_models, target_of
from providers.errors import UpstreamFailure
from providers.models import Provider

CALL_S = 15.0
"""Seconds that somebody waits at the page for one call."""


def tried(provider: Provider, model: str = "") -> CheckResult:
    """How it answers when it is asked for `model`, else for its usual one. What it lists is kept with it."""
    started = time.monotonic()
    (result,) = check_rows([provider], model, CALL_S)
    if result.status and not result.latency_ms:  # the list of models was refused, and no model was asked
        result = replace(result, latency_ms=int((time.monotonic() - started) * 1000))
    if result.models:
        _keep(provider, result.models)
    return result


def fetched(provider: Provider) -> str:
    """Keep the list of its models. Returns what went wrong and what to do about it, else ""."""
    target = target_of(provider)
    if target is None:
        return f"The preset {provider.preset} is not known: choose another on the provider's page."
    try:
        names = fetch_models(target, CALL_S)
    except UpstreamFailure as error:
        return f"{error.failure.message.rstrip('.')}. {LIST_HINTS[error.failure.kind]}"
    _keep(provider, names)
    return "" if names else "The list is empty: enter the names of its models by hand."


def _keep(provider: Provider, names: tuple[str, ...]) -> None:
    # Not saved: nothing of the configuration has changed.
    Provider.objects.filter(pk=provider.pk).update(models_listed=list(names))
    provider.models_listed = list(names)
