"""How a provider is at this moment, by one rule for all pages: can it be called, and what is held against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from providers.models import Credential, Provider
from providers.oauth.flows import flows_for
from providers.targets import signs_in_by_hand
from proxy.account_list import SIGN_IN, signed_in
from proxy.health_words import TO_BE_TRIED, URGENT, failure_told, until_told
from proxy.models import HealthState

KEY, KEY_OR_SIGN_IN = "needs a key", "needs a key or sign-in"
MAX_ERROR = 80
"""Characters of an error in a list."""


@dataclass(frozen=True, slots=True)
class ProviderState:
    """A word for the badge's colour (ok, off, info, warn, bad) and what stands in it."""

    tone: str
    words: str


def state_of(row: Provider, held: Iterable[HealthState], now: datetime) -> ProviderState:
    """The state of one provider; what somebody has to do something about comes before what passes by itself.

    Reads its credentials with their sign-ins: who asks for many fetches these ahead.
    """
    if not row.enabled:
        return ProviderState("off", "off")
    if row.preset_row is None:
        return ProviderState("bad", "unknown preset")
    if lack := lack_of(row):
        return ProviderState("bad", lack)
    held = list(held)
    cooling = [one for one in held if one.until > now]
    if not cooling:
        return ProviderState("info", TO_BE_TRIED) if held else ProviderState("ok", "healthy")
    kinds = {one.kind for one in cooling}
    for kind, words in URGENT.items():
        if kind in kinds:
            return ProviderState("bad", words)
    spared = [one for one in cooling if one.credential_id and others_open(row, one, cooling)]
    if len(spared) == len(cooling):
        return ProviderState("info", spared_told(row, spared[0]))
    last = max(one.until for one in cooling if one not in spared)
    return ProviderState("warn", f"cooling until {until_told(last, now)}")


def others_open(row: Provider, held: HealthState, cooling: Iterable[HealthState]) -> bool:
    """True while a provider is opened by another credential than the held one, which nothing is held against.

    Its calls take that one: what is held against one key or account alone does not keep the provider from serving.
    """
    benched = {held.credential_id, *(
        one.credential_id for one in cooling if one.actual_model in (held.actual_model, "") or not held.actual_model
    )}  # fmt: skip
    return any(one.enabled and one.pk not in benched and _opens(one) for one in row.credentials.all())


def spared_told(row: Provider, held: HealthState) -> str:
    """A badge for a key or an account that alone is held back, of several."""
    account = any(one.pk == held.credential_id and one.is_account for one in row.credentials.all())
    return "an account cools" if account else "a key cools"


def lack_of(row: Provider) -> str:
    """What it needs before it can be called: SIGN_IN, KEY or KEY_OR_SIGN_IN; empty for nothing or an unknown preset."""
    preset = row.preset_row
    if preset is None or signs_in_by_hand(row.headers):
        return ""
    enabled = [credential for credential in row.credentials.all() if credential.enabled]
    if any(map(_opens, enabled)):
        return ""
    if enabled or preset.by_account_only:
        return SIGN_IN
    if not preset.needs_key or preset.auth == "none":
        return ""
    return KEY_OR_SIGN_IN if flows_for(preset.name) else KEY


def last_error_of(held: Iterable[HealthState]) -> str:
    """The last failure that is remembered, short; empty when all is forgiven."""
    last = max(held, key=lambda one: (one.failed_at, one.pk), default=None)
    if last is None:
        return ""
    told = failure_told(last.kind, last.words)
    return told if len(told) <= MAX_ERROR else f"{told[: MAX_ERROR - 1]}…"


def _opens(credential: Credential) -> bool:
    # A key that is there is believed in; of an account somebody has to be signed in with it.
    return signed_in(credential) if credential.is_account else True
