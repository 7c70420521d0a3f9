"""Credentials that need somebody: keys that cannot be unsealed or are refused, accounts that have to sign in again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from django.utils import timezone

from providers.errors import FailureKind
from providers.models import Credential, Provider
from providers.vault import VaultError
from proxy.account_list import INCOMPLETE, SIGN_IN, UNSEALABLE, state_of, tokens_of
from proxy.health_words import URGENT, Held, until_told
from proxy.models import HealthState
from proxy.provider_state import KEY, KEY_OR_SIGN_IN, lack_of

Kind = Literal["unsealable", "no_key", "sign_in", "refresh", "refused", "quota"]

_WAYS = {
    KEY: "Add an API key.", SIGN_IN: "Sign in with an account.",
    KEY_OR_SIGN_IN: "Sign in with an account, or add an API key.",
}  # fmt: skip


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


def needing_attention(held: Held | None = None) -> list[Attention]:
    """What needs somebody, by provider; of providers and credentials that are switched off nothing is told.

    `held` is the health table, for who has read it already.
    """
    rows = Provider.objects.filter(enabled=True).prefetch_related("credentials__oauth").order_by("name")
    held, now = held or Held(), timezone.now()
    urgent = {row.name: [one for one in held.of(row.name) if one.kind in URGENT and one.until > now] for row in rows}
    return [found for row in rows for found in _of_provider(row, urgent[row.name])]


def _of_provider(row: Provider, urgent: list[HealthState]) -> Iterator[Attention]:
    credentials = [credential for credential in row.credentials.all() if credential.enabled]
    for credential in credentials:
        credential.provider = row  # what it is sealed for; not to be asked for once more each
        found = _account(row, credential) if credential.is_account else _key(row, credential)
        if found is not None:
            yield found
        elif of_this := [state for state in urgent if state.credential_id == credential.pk]:
            # What is said of the key as a whole comes before what is said of it for one model.
            yield _refused(row, credential, min(of_this, key=lambda state: state.actual_model))
    if not credentials and (found := _none(row)) is not None:
        yield found


def _none(row: Provider) -> Attention | None:
    lack = lack_of(row)
    return Attention("no_key", row.pk, row.name, f"nothing opens it: it {lack}", _WAYS[lack]) if lack else None


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
    if state == UNSEALABLE:
        words = "its tokens cannot be decrypted with the keys in CCM_FIELD_KEYS"
        return _attention("unsealable", row, credential, words, "Restore the old key, or sign in again.")
    if state == SIGN_IN:
        return _attention("sign_in", row, credential, error or "nobody has signed in", "Sign in again.")
    if state == INCOMPLETE:
        return _attention("sign_in", row, credential, error, "Sign in again; what it says may name a setting.")
    if tokens is not None and tokens.failures:
        urgent = "Its token is over: sign in again if this lasts." if tone == "bad" else "It is tried again by itself."
        return _attention("refresh", row, credential, f"its token cannot be renewed: {error}", urgent)
    return None


def _refused(row: Provider, credential: Credential, state: HealthState) -> Attention:
    if state.kind == FailureKind.QUOTA.value:
        fix = f"Top up the account, or wait: it is tried again at {until_told(state.until)}."
        return _attention("quota", row, credential, state.words or "its quota is used up", fix)
    fix = "Sign in again." if credential.is_account else "Enter the API key again."
    return _attention("refused", row, credential, state.words or "the vendor refuses it", fix)


def _attention(kind: Kind, row: Provider, credential: Credential, words: str, fix: str) -> Attention:
    return Attention(kind, row.pk, row.name, words, fix, credential.pk, credential.label, credential.is_account)
