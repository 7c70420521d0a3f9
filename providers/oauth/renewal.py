"""Renewing one account's tokens, whoever else wants the same at the same time. For threads without an event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from django.db import Error, connection
from django.dispatch import Signal

from providers import client as http
from providers.oauth import lease
from providers.oauth.asking import ask
from providers.oauth.clients import NoClient, client_of
from providers.oauth.exchange import refresh_request
from providers.oauth.held import MEMORY, Held, Memory
from providers.oauth.models import OAuthToken
from providers.oauth.tokens import TokenRefused, Tokens
from providers.targets import UpstreamRequest
from providers.vault import VaultError

log = logging.getLogger("providers.oauth")

POLL_S = 0.02
"""Seconds between two looks at a row that another is renewing."""
WAIT_S = 25.0
"""Seconds that somebody waits for others: a dead holder's lease, and one more call."""
RETRY_S = 0.5
SAVE_S = 60.0
"""Seconds that fresh tokens are tried to be stored: the old ones are spent."""

changed = Signal()
"""Sent when an account's tokens or state have changed: other processes should look."""


class RenewalFailed(Exception):
    """The tokens stay as they are; the message says why, without secrets.

    `dead`: only signing in anew helps. `wait_s`: seconds before it is worth another try.
    """

    def __init__(self, words: str, *, dead: bool = False, wait_s: float = 1.0) -> None:
        super().__init__(words)
        self.words = words
        self.dead = dead
        self.wait_s = wait_s

    def again(self) -> RenewalFailed:
        """The same for one more waiter: the traceback of a shared exception grows with everybody who raises it."""
        return RenewalFailed(self.words, dead=self.dead, wait_s=self.wait_s)


def renew(
    pk: int, seen: int, *, forced: bool = False, memory: Memory = MEMORY, pause: Callable[[float], None] = time.sleep
) -> Held:
    """Tokens newer than the version `seen`: another's if there are any, else from the token server.

    `forced`: the token was refused although it is not due. Raises RenewalFailed.
    """
    ends = time.monotonic() + WAIT_S
    try:
        while True:
            row = lease.look(pk)
            if row is None:
                raise RenewalFailed("the account has been deleted", dead=True)
            if row.version != seen:
                return memory.adopt(row)
            _refuse(row, forced, memory)
            owner = lease.take(row)
            if owner:
                return _renewed(row, owner, memory)
            if time.monotonic() >= ends:
                raise RenewalFailed("another process has not done with renewing it")
            pause(POLL_S)
    except VaultError as error:
        raise RenewalFailed(str(error), wait_s=lease.BACKOFF_S) from error
    except Error as error:
        connection.close()
        raise RenewalFailed(f"the database cannot be used ({type(error).__name__})") from error


def _refuse(row: OAuthToken, forced: bool, memory: Memory) -> None:
    """Raise RenewalFailed when the token server is not to be called now."""
    if row.state != OAuthToken.ACTIVE or not row.refresh:
        memory.adopt(row)
        raise RenewalFailed(row.last_error or "the vendor gave no refresh token", dead=True)
    wait = lease.wait_s(row)
    if wait:
        raise RenewalFailed(f"{row.last_error}; tried again in {wait:.0f} s", wait_s=wait)
    if forced and lease.is_fresh(row):
        raise RenewalFailed("the token was renewed a moment ago and is refused all the same", wait_s=lease.FRESH_S)


def _renewed(row: OAuthToken, owner: str, memory: Memory) -> Held:
    """Call the token server as the holder of the lease."""
    cut_off = row.refresh_started_at is not None
    if cut_off:
        log.warning("%s: an earlier renewal was cut off; its token is tried once more", row.credential)
    try:
        tokens = _asked(row)
    except TokenRefused as error:
        words = f"{error.words} (an earlier renewal was cut off)" if cut_off and error.dead else error.words
        return _refused(row, owner, words, error.dead, memory)
    saved = _saved(row, tokens)
    fresh = lease.look(row.pk)
    if fresh is None:
        raise RenewalFailed("the account has been deleted", dead=True)
    held = memory.adopt(fresh)
    if saved:
        _tell_others()
    return held


def _tell_others() -> None:
    try:
        changed.send(OAuthToken)
    except Error:
        # They find out when the old token ends or is refused; the new one is stored.
        log.warning("other processes could not be told of a renewed token", exc_info=True)
        connection.close()


def _asked(row: OAuthToken) -> Tokens:
    flow = row.flow_row
    if flow is None:
        raise TokenRefused(f"there is no way to sign in called {row.flow} any more", dead=True)
    try:
        client = client_of(flow)
    except NoClient as error:
        raise TokenRefused(str(error)) from error
    refresh = row.reveal_refresh()
    outgoing = refresh_request(flow, client, refresh)
    hidden = (refresh, row.reveal_access(), client.secret.reveal())

    async def asking(outgoing: UpstreamRequest) -> Tokens:
        try:
            return await ask(flow, outgoing, lease.CALL_S, hidden)
        finally:
            await http.close()

    return asyncio.run(asking(outgoing))


def _refused(row: OAuthToken, owner: str, words: str, dead: bool, memory: Memory) -> Held:
    """What a refusal means, when it is not only that another has renewed the tokens meanwhile."""
    if not dead:
        lease.failed(row, owner, words)
        now = lease.look(row.pk) or row
        log.warning("%s: its token could not be renewed: %s", row.credential, words)
        raise RenewalFailed(words, wait_s=max(lease.wait_s(now), 1.0))
    now = lease.look(row.pk) or row
    if now.version == row.version and lease.lost(row, owner, words):
        _tell_others()
        log.warning("%s has to sign in again: %s", row.credential, words)
    now = lease.look(row.pk) or row
    held = memory.adopt(now)
    if now.version == row.version:
        raise RenewalFailed(words, dead=True)
    return held


def _saved(row: OAuthToken, tokens: Tokens) -> bool:
    """Store fresh tokens before anything else; again if the database is away, because the old ones are spent."""
    ends = time.monotonic() + SAVE_S
    while True:
        try:
            return lease.save(row, tokens)
        except Error:
            connection.close()
            if time.monotonic() >= ends:
                log.error("%s: its renewed token could not be stored and is lost", row.credential)
                raise
            log.warning("%s: its renewed token cannot be stored yet", row.credential)
            time.sleep(RETRY_S)
