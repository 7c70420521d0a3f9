"""How a provider is at this moment, by one rule for all pages: can it be called, and what is held against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from providers.models import Credential, Provider
from providers.oauth.flows import flows_for
from providers.targets import signs_in_by_hand
from proxy.account_list import SIGN_IN, signed_in
from proxy.health_words import URGENT, failure_told, until_told
from proxy.models import HealthState

KEY, KEY_OR_SIGN_IN = "needs a key", "needs a key or sign-in"
MAX_ERROR = 80
"""Characters of an error in a list."""


@dataclass(frozen=True, slots=True)
class ProviderState:
    """A word for the badge's colour (ok, off, warn, bad) and what stands in it."""

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
    cooling = [one for one in held if one.until > now]
    if not cooling:
        return ProviderState("ok", "healthy")
    kinds = {one.kind for one in cooling}
    for kind, words in URGENT.items():
        if kind in kinds:
            return ProviderState("bad", words)
    return ProviderState("warn", f"cooling until {until_told(max(one.until for one in cooling), now)}")


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
