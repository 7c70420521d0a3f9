"""Which keys of providers somebody must see to, and what is to be done about each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse

from providers.errors import FailureKind
from providers.models import Credential, Provider
from providers.targets import Timeouts
from providers.template import template_of
from providers.vault import VaultError
from proxy.models import HealthState

_WORDS = {
    FailureKind.REFUSED_KEY.value: "the vendor refuses it: set it anew",
    FailureKind.QUOTA.value: "the account has no credit left: top it up with the vendor",
}


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing to see to; `url` is the provider's page, empty when it is gone."""

    provider: str
    what: str
    url: str


def concerns() -> list[Concern]:
    """Enabled providers without a key they need, keys that do not unseal, keys that were refused or are spent."""
    rows = {row.name: row for row in Provider.objects.filter(enabled=True).prefetch_related("credentials")}
    found = [
        Concern(row.name, what, reverse("admin:providers_provider_change", args=[row.pk]))
        for row in rows.values()
        for what in _of_keys(row)
    ]
    for state in HealthState.objects.filter(kind__in=_WORDS):
        if (held := rows.get(state.provider)) is not None:
            key = next((one for one in held.credentials.all() if one.pk == state.credential_id), None)
            url = reverse("admin:providers_provider_change", args=[held.pk])
            found.append(Concern(held.name, f"{key or 'its key'}: {_WORDS[state.kind]}", url))
    return list(dict.fromkeys(found))


def _of_keys(row: Provider) -> Iterator[str]:
    keys = [key for key in row.credentials.all() if key.enabled]
    if not keys:
        target = template_of(row, Timeouts())
        if target is None:
            yield f"its preset “{row.preset}” is unknown: choose another"
        elif target.problem:
            yield target.problem
    for key in keys:
        if problem := _problem(key):
            yield f"{key}: {problem}"


def _problem(key: Credential) -> str:
    try:
        key.reveal()
    except VaultError as error:
        return str(error)
    return ""
