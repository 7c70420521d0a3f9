"""How processes agree on who renews an account's tokens: a lease on the row, and a version to compare and swap.

Whoever takes the lease for the version it has seen may call the token server; it saves only over that version.
The others look again. No row is locked meanwhile, and a holder that dies loses the lease by time. Measured with
refresh tokens that are good once: one call for 60 requests of 4 processes, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet

from providers.oauth.models import OAuthToken
from providers.oauth.tokens import MAX_WORDS, Tokens

LEASE_S = 10.0
"""Seconds that a lease lasts: longer than the call may take."""
CALL_S = 8.0
"""Seconds that the token server gets."""
BACKOFF_S = 5.0
"""Seconds before the next call after one that failed; each further failure doubles them."""
MAX_BACKOFF_S = 600.0
FRESH_S = 30.0
"""A token that was renewed so recently is not renewed again because it is refused: the account is the trouble."""


def now() -> datetime:
    """This machine's time; lease and backoff are bounded, so that a jump of it delays nothing for long."""
    return datetime.now(UTC)


def look(pk: int) -> OAuthToken | None:
    """The row as it is now, with its credential; None when it is gone."""
    return OAuthToken.objects.select_related("credential").filter(pk=pk).first()


def take(row: OAuthToken) -> str:
    """Take the lease for the version of `row`, and note that a renewal begins; its owner's name, or "" if not ours."""
    moment, owner = now(), f"{os.getpid()}-{secrets.token_hex(12)}"
    # A lease that ends later than any can was written before the clock was set back.
    free = Q(lease_until=None) | Q(lease_until__lt=moment) | Q(lease_until__gt=moment + timedelta(seconds=2 * LEASE_S))
    mine = _of(row).filter(free, state=OAuthToken.ACTIVE).update(
        lease_until=moment + timedelta(seconds=LEASE_S), lease_owner=owner, refresh_started_at=moment
    )  # fmt: skip
    return owner if mine else ""


def save(row: OAuthToken, tokens: Tokens) -> bool:
    """Keep fresh tokens over the version of `row`; False when somebody else has changed them meanwhile.

    Not asked is who holds the lease: over this version nobody has saved, so these are the newest tokens there are,
    even if their answer took longer than the lease. Raises vault.VaultError and the database's errors.
    """
    moment = now()
    fields: dict[str, Any] = {
        **row.sealed(tokens.access.reveal(), tokens.refresh.reveal() or row.reveal_refresh()),
        "state": OAuthToken.ACTIVE,
        "expires_at": moment + timedelta(seconds=tokens.lifetime_s),
        "lifetime_s": tokens.lifetime_s,
        "refreshed_at": moment,
        "last_error": "",
        "failed_at": None,
        "failures": 0,
        "version": F("version") + 1,
        **_FREE,
    }
    told = {
        "scopes": " ".join(tokens.scopes), "account_label": tokens.account_label, "account_id": tokens.account_id,
        "project": tokens.project,
    }  # fmt: skip
    return bool(_of(row).update(**fields, **{name: text for name, text in told.items() if text}))


def failed(row: OAuthToken, owner: str, words: str) -> None:
    """Give the lease back after a call that may go better later."""
    _of(row).filter(lease_owner=owner).update(
        last_error=words[:MAX_WORDS], failed_at=now(), failures=F("failures") + 1, **_FREE
    )


def lost(row: OAuthToken, owner: str, words: str) -> bool:
    """Mark that only signing in anew helps; False when somebody else has changed the tokens meanwhile."""
    mine = _of(row).filter(lease_owner=owner)
    return bool(mine.update(
        state=OAuthToken.NEEDS_SIGN_IN, last_error=words[:MAX_WORDS], failed_at=now(), failures=F("failures") + 1,
        **_FREE,
    ))  # fmt: skip


def wait_s(row: OAuthToken) -> float:
    """Seconds until the token server may be called again after it failed; 0 when it may be now."""
    if not row.failures or row.failed_at is None:
        return 0.0
    pause = min(BACKOFF_S * 2.0 ** min(row.failures - 1, 20), MAX_BACKOFF_S)
    since = (now() - row.failed_at).total_seconds()
    # A failure of the future is one from before the clock was set back.
    return max(0.0, pause - since) if since >= 0 else 0.0


def is_fresh(row: OAuthToken) -> bool:
    """True when the tokens were renewed a moment ago."""
    return row.refreshed_at is not None and 0 <= (now() - row.refreshed_at).total_seconds() < FRESH_S


_FREE: dict[str, Any] = {"lease_until": None, "lease_owner": "", "refresh_started_at": None}


def _of(row: OAuthToken) -> QuerySet[OAuthToken]:
    return OAuthToken.objects.filter(pk=row.pk, version=row.version)
