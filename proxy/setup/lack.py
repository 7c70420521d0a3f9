"""What a provider still needs before it can be called at all."""

from __future__ import annotations

from providers.models import Credential, OAuthToken, Provider
from providers.targets import signs_in_by_hand
from proxy.setup.cards import by_account_only, by_account_too

SIGN_IN, KEY, KEY_OR_SIGN_IN = "needs sign-in", "needs a key", "needs a key or sign-in"


def lack_of(row: Provider) -> str:
    """One of the words above; empty when it can be called, or its preset is unknown. Reads its credentials."""
    preset = row.preset_row
    if preset is None or signs_in_by_hand(row.headers):
        return ""
    enabled = [credential for credential in row.credentials.all() if credential.enabled]
    if any(map(_opens, enabled)):
        return ""
    if enabled or by_account_only(preset):
        return SIGN_IN
    if not preset.needs_key or preset.auth == "none":
        return ""
    return KEY_OR_SIGN_IN if by_account_too(preset) else KEY


def _opens(credential: Credential) -> bool:
    """A key that is there is believed in; of an account somebody has to be signed in with it."""
    if not credential.is_account:
        return True
    tokens: OAuthToken | None = getattr(credential, "oauth", None)
    return tokens is not None and bool(tokens.access) and tokens.state == OAuthToken.ACTIVE
