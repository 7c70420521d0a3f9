"""Trying one account: a real call with its token, and a renewal at once. For threads without an event loop."""

from __future__ import annotations

from providers.checking import CheckResult, check_all, target_of
from providers.errors import in_words
from providers.models import Credential
from providers.oauth.renewal import RenewalFailed, renew
from providers.targets import Target
from proxy.account_list import lasting, tokens_of

CHECK_S = 15.0
"""Seconds that somebody waits at a page for one call to a provider."""


def tried(credential: Credential) -> tuple[bool, str]:
    """Whether the vendor answers this account, and one line of how."""
    target = _target(credential)
    if target is None:
        return False, f"{credential.label} is not used at the moment: switch it and its provider's preset on first."
    return _told(credential, check_all([target], CHECK_S)[0])


def refreshed(credential: Credential) -> tuple[bool, str]:
    """Whether the account's token could be renewed now, and one line of how."""
    row = tokens_of(credential)
    if row is None:
        return False, f"{credential.label} has no token yet: sign in first."
    try:
        renew(row.pk, row.version)
    except RenewalFailed as error:
        hint = "Sign in again." if error.dead else "The old token is kept."
        return False, f"The token of {credential.label} was not renewed: {error.words}. {hint}"
    row.refresh_from_db()
    return True, f"The token of {credential.label} was renewed and lasts {lasting(row.lifetime_s)}."


def _target(credential: Credential) -> Target | None:
    """What to call with this account's token; None when the provider's target knows it not."""
    whole = target_of(credential.provider)
    own = whole.with_each_key() if whole else ()
    return next((target for target in own if target.credential_id == credential.pk), None)


def _told(credential: Credential, result: CheckResult) -> tuple[bool, str]:
    asked = f"{result.model} " if result.model else ""
    if result.ok:
        return True, f"{credential.label}: {asked}answered in {result.latency_ms} ms."
    status = f"{result.status} " if result.status else ""
    words = f"{status}{in_words(result.outcome)}: {result.message.rstrip('.')}."
    return False, f"{credential.label}: {asked}failed, {words} {result.hint}"
