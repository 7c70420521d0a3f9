"""Credentials that need somebody: keys that cannot be unsealed or are refused, accounts that have to sign in again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from django.utils import timezone

from providers.errors import FailureKind
from providers.models import Credential, Provider
from providers.oauth.flows import flows_for
from providers.targets import signs_in_by_hand
from providers.vault import VaultError
from proxy.account_list import state_of, tokens_of
from proxy.models import HealthState

Kind = Literal["unsealable", "no_key", "sign_in", "refresh", "refused", "quota"]


@dataclass(frozen=True, slots=True)
class Attention:
    """One thing to do. `words` says what is wrong, `fix` what to do; neither holds a secret.

    `credential_id` is None where the provider has none at all.
    """

    kind: Kind
    provider_id: int
    provider: str
    words: str
    fix: str
    credential_id: int | None = None
    credential: str = ""
    is_account: bool = False


def needing_attention() -> list[Attention]:
    """What needs somebody, by provider; of providers and credentials that are switched off nothing is told."""
    rows = Provider.objects.filter(enabled=True).prefetch_related("credentials__oauth").order_by("name")
    kinds = (FailureKind.REFUSED_KEY.value, FailureKind.QUOTA.value)
    held = list(HealthState.objects.filter(kind__in=kinds, until__gt=timezone.now()))
    return [found for row in rows for found in _of_provider(row, [h for h in held if h.provider == row.name])]


def count_needing_attention() -> int:
    """How many there are."""
    return len(needing_attention())


def _of_provider(row: Provider, held: list[HealthState]) -> Iterator[Attention]:
    credentials = [credential for credential in row.credentials.all() if credential.enabled]
    for credential in credentials:
        credential.provider = row  # what it is sealed for; not to be asked for once more each
        found = _account(row, credential) if credential.is_account else _key(row, credential)
        if found is not None:
            yield found
            continue
        for state in held:
            if state.credential_id == credential.pk:
                yield _refused(row, credential, state)
                break
    if not credentials and (found := _none(row)) is not None:
        yield found


def _none(row: Provider) -> Attention | None:
    preset = row.preset_row
    if preset is None or not preset.needs_key or signs_in_by_hand(row.headers):
        return None
    fix = "Sign in with an account, or add an API key." if flows_for(row.preset) else "Add an API key."
    return Attention("no_key", row.pk, row.name, "nothing opens it: it has no key and no account", fix)


def _key(row: Provider, credential: Credential) -> Attention | None:
    try:
        credential.reveal()
    except VaultError as error:
        return _attention("unsealable", row, credential, str(error), "Restore the old key, or enter the API key again.")
    return None


def _account(row: Provider, credential: Credential) -> Attention | None:
    tokens = tokens_of(credential)
    error = tokens.last_error if tokens else ""
    state, tone = state_of(credential)
    if state.startswith("cannot be unsealed"):
        words = "its tokens cannot be decrypted with the keys in CCM_FIELD_KEYS"
        return _attention("unsealable", row, credential, words, "Restore the old key, or sign in again.")
    if state == "needs sign-in":
        return _attention("sign_in", row, credential, error or "nobody has signed in", "Sign in again.")
    if state == "incomplete":
        return _attention("sign_in", row, credential, error, "Sign in again; what it says may name a setting.")
    if tokens is not None and tokens.failures:
        urgent = "Its token is over: sign in again if this lasts." if tone == "bad" else "It is tried again by itself."
        return _attention("refresh", row, credential, f"its token cannot be renewed: {error}", urgent)
    return None


def _refused(row: Provider, credential: Credential, state: HealthState) -> Attention:
    if state.kind == FailureKind.QUOTA.value:
        until = timezone.localtime(state.until).strftime("%d %b %H:%M")
        fix = f"Top up the account, or wait: it is tried again at {until}."
        return _attention("quota", row, credential, state.words or "its quota is used up", fix)
    fix = "Sign in again." if credential.is_account else "Enter the API key again."
    return _attention("refused", row, credential, state.words or "the vendor refuses it", fix)


def _attention(kind: Kind, row: Provider, credential: Credential, words: str, fix: str) -> Attention:
    return Attention(kind, row.pk, row.name, words, fix, credential.pk, credential.label, credential.is_account)
