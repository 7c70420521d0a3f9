"""The accounts of a provider as its page lists them: state, health, and what can be done. No token is read here
but to find out that it can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from providers.errors import in_words
from providers.models import Credential, OAuthToken, Provider
from providers.oauth.flows import flows_for
from providers.vault import VaultError
from proxy.health_words import until_told
from proxy.models import HealthState

SIGN_IN, UNSEALABLE, INCOMPLETE = "needs sign-in", "cannot be unsealed: sign in again", "incomplete"
"""States of an account that only somebody can change."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account. `tone` is ok, info, warn or bad; `bench` is what is held against it, empty for nothing."""

    pk: int
    label: str
    name: str
    """The account's own name at the vendor."""
    flow: str
    flow_label: str
    state: str
    tone: str
    expires: str
    scopes: tuple[str, ...]
    project: str
    error: str
    bench: str
    signed_in_at: datetime | None
    refreshed_at: datetime | None
    can_refresh: bool


def accounts_of(provider: Provider) -> list[Account]:
    """The accounts of a stored provider, in the order they are used in."""
    rows = provider.credentials.filter(kind=Credential.OAUTH).select_related("oauth", "provider").order_by("pk")
    held = list(HealthState.objects.filter(provider=provider.name, until__gt=timezone.now()).order_by("until"))
    return [_account(row, [state for state in held if state.credential_id == row.pk]) for row in rows]


def account_of(credential: Credential) -> Account:
    """One account, as its own page shows it."""
    held = HealthState.objects.filter(
        provider=credential.provider.name, credential_id=credential.pk, until__gt=timezone.now()
    ).order_by("until")  # fmt: skip
    return _account(credential, list(held))


def tokens_of(credential: Credential) -> OAuthToken | None:
    """The row of a credential's tokens, if somebody has ever signed in or a file named the account."""
    return getattr(credential, "oauth", None)


def signed_in(credential: Credential) -> bool:
    """True while somebody is signed in with an account, for the preset that its provider has now."""
    row = tokens_of(credential)
    if row is None or not row.access or row.state == OAuthToken.NEEDS_SIGN_IN:
        return False
    return row.flow_row in flows_for(credential.provider.preset) and (bool(row.refresh) or not _over(row))


def state_of(credential: Credential) -> tuple[str, str]:
    """The state of an account in words, and its tone."""
    row = tokens_of(credential)
    if row is None or not signed_in(credential):
        return SIGN_IN, "bad"
    try:
        row.reveal_access(), row.reveal_refresh()
    except VaultError:
        return UNSEALABLE, "bad"
    now, over = timezone.now(), _over(row)
    if row.lease_until is not None and row.lease_until > now:
        return "refreshing", "info"
    if row.failures:
        return "refresh fails", "bad" if over else "warn"
    if not credential.enabled:
        return "switched off", "info"
    if over:
        return "over, is renewed with the next request", "warn"
    return (INCOMPLETE, "warn") if row.last_error else ("active", "ok")


def lasting(seconds: float) -> str:
    """A time span in one unit: 40 s, 12 min, 3 h, 5 d."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _over(row: OAuthToken) -> bool:
    return row.expires_at is not None and row.expires_at <= timezone.now()


def _account(credential: Credential, held: Sequence[HealthState]) -> Account:
    row = tokens_of(credential) or OAuthToken(credential=credential)
    state, tone = state_of(credential)
    flow = row.flow_row
    return Account(
        credential.pk, credential.label, row.account_label, row.flow, flow.label if flow else row.flow, state, tone,
        _expires(row), tuple(row.scopes.split()), row.project, row.last_error, _bench(held), row.signed_in_at,
        row.refreshed_at, can_refresh=row.state == OAuthToken.ACTIVE and bool(row.refresh),
    )  # fmt: skip


def _expires(row: OAuthToken) -> str:
    if not row.access or row.expires_at is None:
        return ""
    left = (row.expires_at - timezone.now()).total_seconds()
    renewed = ", then renewed" if row.refresh and row.state == OAuthToken.ACTIVE else ""
    return f"in {lasting(left)}{renewed}" if left > 0 else f"{lasting(-left)} ago"


def _bench(held: Sequence[HealthState]) -> str:
    told = [
        f"{in_words(state.kind)}{f' for {state.actual_model}' if state.actual_model else ''} until "
        f"{until_told(state.until)}"
        for state in held
    ]
    return ", ".join(told)
