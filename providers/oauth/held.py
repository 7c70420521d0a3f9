"""The access tokens in this process's memory: what a request reads instead of the database.

A row is converted to this machine's monotonic clock once, when its version is new, so that a jump of the wall
clock neither ends a token that is good nor keeps one that is not. A machine that was asleep counts no monotonic
time: so a token is due when either clock says it, and over when both do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from providers.oauth.models import OAuthToken
from providers.targets import Secret

EARLY_S = 300.0
"""Seconds before its end that a token is renewed; a short-lived one, in the last quarter of its life."""


@dataclass(frozen=True, slots=True)
class Held:
    """One account's access token as this process knows it. `expires`, `due`: by (wall, monotonic) clock, in seconds."""

    pk: int
    credential_id: int
    binding: str
    version: int
    access: Secret
    refresh: Secret
    """Known for the scrubber alone."""
    can_renew: bool
    account: str
    project: str
    expires: tuple[float, float]
    due: tuple[float, float]


class Memory:
    """All accounts' tokens. Written by the snapshot's and the keeper's thread, read by requests without a lock."""

    def __init__(
        self, wall: Callable[[], float] = time.time, mono: Callable[[], float] = time.monotonic
    ) -> None:  # fmt: skip
        self._wall = wall
        self._mono = mono
        self._held: dict[int, Held] = {}
        self._lock = threading.Lock()

    def adopt(self, row: OAuthToken) -> Held:
        """Know what a row says, unless something newer is known; what is known then. Raises vault.VaultError."""
        with self._lock:
            known = self._held.get(row.credential_id)
            if known is not None and known.binding == row.credential.binding and known.version >= row.version:
                if known.version == row.version:
                    known = self._held[row.credential_id] = replace(known, can_renew=_can_renew(row))
                return known
            held = self._held[row.credential_id] = self._of(row)
            return held

    def _of(self, row: OAuthToken) -> Held:
        wall, mono = self._wall(), self._mono()
        ends = row.expires_at.timestamp() if row.expires_at else wall
        left = min(max(ends - wall, 0.0), row.lifetime_s)
        early = min(EARLY_S, row.lifetime_s / 4)
        return Held(
            row.pk, row.credential_id, row.credential.binding, row.version, Secret(row.reveal_access()),
            Secret(row.reveal_refresh()), _can_renew(row), row.account_id, row.project,
            (ends, mono + left), (ends - early, mono + left - early),
        )  # fmt: skip

    def get(self, credential_id: int | None) -> Held | None:
        """The token of a credential, if it is an account that this process knows."""
        return self._held.get(credential_id) if credential_id is not None else None

    def is_over(self, held: Held) -> bool:
        """True when the token is of no use any more."""
        return self._wall() >= held.expires[0] and self._mono() >= held.expires[1]

    def due(self) -> list[Held]:
        """The tokens that it is time to renew."""
        wall, mono = self._wall(), self._mono()
        return [h for h in self._held.values() if h.can_renew and (wall >= h.due[0] or mono >= h.due[1])]

    def keep_only(self, credential_ids: set[int]) -> None:
        """Forget all accounts but these."""
        with self._lock:
            for gone in self._held.keys() - credential_ids:
                del self._held[gone]

    def secrets(self) -> list[str]:
        """Every token in memory, for the scrubber."""
        return [s.reveal() for h in list(self._held.values()) for s in (h.access, h.refresh) if s]

    def __bool__(self) -> bool:
        return bool(self._held)


def _can_renew(row: OAuthToken) -> bool:
    return row.state == OAuthToken.ACTIVE and bool(row.refresh)


MEMORY = Memory()
"""This process's memory."""
