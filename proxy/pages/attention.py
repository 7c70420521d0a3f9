"""Which keys and accounts of providers somebody must see to, and what is to be done about each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse

from providers.errors import FailureKind
from providers.models import Provider
from providers.targets import Timeouts
from providers.template import problem_of, template_of
from proxy.models import HealthState

_WORDS = {
    FailureKind.REFUSED_KEY.value: "the vendor refuses it: set it anew, or sign in again",
    FailureKind.QUOTA.value: "the account has no credit left: top it up with the vendor",
}


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing to see to; `url` is the provider's page."""

    provider: str
    what: str
    url: str


def concerns() -> list[Concern]:
    """Enabled providers without a key they need; keys that do not unseal, accounts to sign in, what was refused."""
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
    if row.preset_row is None:
        yield f"its preset “{row.preset}” is unknown: choose another"
        return
    keys = [key for key in row.credentials.all() if key.enabled]
    if not keys and (target := template_of(row, Timeouts())) and target.problem:
        yield target.problem
    for key in keys:
        if problem := problem_of(row, key):
            yield f"{key}: {problem}"
