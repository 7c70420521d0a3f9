"""Access tokens for Google Cloud from application default credentials, or from a service account's key file.

google-auth does the protocol, in a thread; it is an optional dependency (`vertex`). A token
is kept for all of the process until five minutes before its end, and one renewal at a time
is under way for each source. Source: Google's documentation of application default
credentials (AIP-4110).
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from time import time as unix_time
from typing import Any

from providers.errors import Failure, FailureKind, UpstreamFailure, plain_words
from providers.targets import Secret, Target, signs_in_by_hand
from providers.wire.spans import MalformedJson, loads

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
EARLY_S = 300.0
"""Seconds before its end that a token is renewed; of a short-lived one its last half."""
BACK_OFF_S, MAX_BACK_OFF_S = 5.0, 60.0
"""Seconds that a failed renewal is not tried again, doubled with each failure in a row."""
UNTOLD_S, MAX_LIFE_S = 600.0, 86_400.0
"""Seconds that a token lives which tells no end, and the longest life that is believed."""
CALL_S, WAIT_S = 10.0, 30.0
"""Seconds for one call of google-auth's, and for all that a request waits."""
KINDS = ("service_account", "authorized_user")
"""Key files that are taken. Those of external accounts can name commands to run: they work as the machine's own."""

_NOT_INSTALLED = "google-auth is not installed: pip install 'ccm-django[vertex]'"
_NOT_FOUND = (
    "no application default credentials were found: run `gcloud auth application-default login`, name a key file in "
    "GOOGLE_APPLICATION_CREDENTIALS, run on Google Cloud, or set a key for the provider"
)


@dataclass(frozen=True, slots=True)
class AdcSource:
    """Where tokens come from: a key file's text, or, when empty, the machine's default credentials."""

    key: Secret = field(default_factory=lambda: Secret(""), compare=False)
    name: str = ""
    """What the same key is known by in memory."""

    @classmethod
    def of_key(cls, key: Secret) -> AdcSource:
        """The source of this key file's text."""
        return cls(key, hashlib.sha256(key.reveal().encode("utf-8", "surrogatepass")).hexdigest())


DEFAULT = AdcSource()


def source_of(target: Target) -> AdcSource | None:
    """Where the target's token comes from; None when its secret goes out as it is.

    On Vertex AI an empty key means default credentials and a key file's text that file; what
    else is there is an access token, as is what somebody signed in with.
    """
    if target.preset.addressing != "vertex" or target.signed_in:
        return None
    if signs_in_by_hand(name for name, _ in target.extra_headers):
        return None
    key = target.secret.reveal()
    if not key:
        return DEFAULT
    return AdcSource.of_key(target.secret) if key.startswith("{") else None


async def with_token(target: Target) -> Target:
    """The target with a token for its secret where it has none of its own. Raises UpstreamFailure."""
    source = source_of(target)
    return replace(target, secret=(await access_token(source))[0]) if source else target


async def access_token(source: AdcSource) -> tuple[Secret, float]:
    """A token that is good now, and the Unix time of its end.

    Raises UpstreamFailure: refused_key when there are no usable credentials, else what kept
    Google's token server from answering. A token that is still good outlives such a failure.
    """
    token = _TOKENS.held(source)
    if token is None or token.is_due:
        renewal = _TOKENS.renewal(source)
        if token is None:
            token = await _waited_for(renewal)
    return token.secret, token.ends


async def renewed(target: Target) -> Target | None:
    """The target with another token after Google refused the one it had (401); None when there is none to be had."""
    source = _TOKENS.refused(target.secret)
    if source is None:
        return None
    try:
        secret, _ = await access_token(source)
    except UpstreamFailure:
        return None
    return None if secret.reveal() == target.secret.reveal() else replace(target, secret=secret)


def forget() -> None:
    """Drop all tokens and what they are made of."""
    _TOKENS.clear()


@dataclass(frozen=True, slots=True)
class _Token:
    """A token. `ends`: Unix time; the ages are of the monotonic clock, which nobody sets."""

    secret: Secret
    ends: float
    due_age: float
    ends_age: float

    @property
    def is_due(self) -> bool:
        return monotonic() >= self.due_age or unix_time() >= self.ends - (self.ends_age - self.due_age)

    @property
    def is_over(self) -> bool:
        return monotonic() >= self.ends_age or unix_time() >= self.ends


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What the last renewal failed with, and until when (monotonic) none is tried again."""

    failure: Failure
    until: float
    pause_s: float


class _Tokens:
    """What the process holds. Loops and threads share it: the lock is held for moments only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[AdcSource, _Token] = {}
        self._credentials: dict[AdcSource, Any] = {}
        self._running: dict[AdcSource, Future[_Token]] = {}
        self._troubles: dict[AdcSource, _Trouble] = {}
        self._refused: dict[AdcSource, Secret] = {}

    def held(self, source: AdcSource) -> _Token | None:
        """A token that is good at this moment."""
        token = self._tokens.get(source)
        return None if token is None or token.is_over else token

    def renewal(self, source: AdcSource) -> Future[_Token]:
        """The renewal under way, or a new one; while none is to be tried again, the last one's failure."""
        with self._lock:
            found = self._running.get(source)
            if found is not None:
                return found
            found = Future()
            found.set_running_or_notify_cancel()  # a waiter that leaves cannot cancel it for the others
            trouble = self._troubles.get(source)
            if trouble is not None and monotonic() < trouble.until:
                found.set_exception(UpstreamFailure(trouble.failure))
                return found
            self._running[source] = found
        threading.Thread(target=self._renew, args=(source, found), name="google-adc", daemon=True).start()
        return found

    def refused(self, secret: Secret) -> AdcSource | None:
        """The source of a token that Google has refused, and that token is used no more; None: it came from none."""
        with self._lock:
            for source, token in self._tokens.items():
                if token.secret.reveal() == secret.reveal():
                    self._refused[source] = self._tokens.pop(source).secret
                    return source
            # Others were refused the same token, and one of them was here before.
            known = (source for source, old in self._refused.items() if old.reveal() == secret.reveal())
            return next(known, None)

    def clear(self) -> None:
        with self._lock:
            for held in (self._tokens, self._credentials, self._running, self._troubles, self._refused):
                held.clear()

    def _renew(self, source: AdcSource, found: Future[_Token]) -> None:
        token, failure = None, Failure(FailureKind.GARBLED, "google-auth failed in a way of its own; the log says how")
        try:
            token = _renewed(source, self._credentials)
        except UpstreamFailure as error:
            failure = error.failure
        finally:
            # Whatever has happened, nobody waits for this renewal any longer.
            with self._lock:
                self._running.pop(source, None)
                if token is not None:
                    self._tokens[source] = token
                    self._troubles.pop(source, None)
                else:
                    last = self._troubles.get(source)
                    pause = min(last.pause_s * 2, MAX_BACK_OFF_S) if last else BACK_OFF_S
                    self._troubles[source] = _Trouble(failure, monotonic() + pause, pause)
            if token is not None:
                found.set_result(token)
            else:
                found.set_exception(UpstreamFailure(failure))


_TOKENS = _Tokens()


async def _waited_for(renewal: Future[_Token]) -> _Token:
    try:
        async with asyncio.timeout(WAIT_S):
            return await asyncio.wrap_future(renewal)
    except TimeoutError as error:
        words = f"Google's token server did not answer within {WAIT_S:g} s"
        raise UpstreamFailure(Failure(FailureKind.TIMED_OUT, words)) from error
    except UpstreamFailure as error:
        # An exception of one's own: a traceback grows with everybody who raises the same one.
        raise UpstreamFailure(error.failure) from error


def _renewed(source: AdcSource, kept: dict[AdcSource, Any]) -> _Token:
    """A new token. `kept`: credentials that were read before, which google-auth renews. Raises UpstreamFailure."""
    try:
        import requests
        from google.auth import exceptions
        from google.auth.transport.requests import Request
    except ImportError as error:
        raise UpstreamFailure(Failure(FailureKind.REFUSED_KEY, _NOT_INSTALLED)) from error
    secrets = _secrets_in(source.key.reveal())
    with requests.Session() as session:
        session.trust_env = False  # neither proxies nor .netrc: a token goes nowhere else
        request = partial(Request(session), timeout=CALL_S)
        try:
            if source not in kept:
                kept[source] = _read(source, request)
            credentials = kept[source]
            credentials.refresh(request)
        except exceptions.DefaultCredentialsError as error:
            raise UpstreamFailure(_unusable(source, error)) from error
        except exceptions.GoogleAuthError as error:
            if not error.retryable:
                kept.pop(source, None)  # a file may have been replaced by now
            raise UpstreamFailure(_failure(error, error.retryable).scrubbed(*secrets)) from error
        except (OSError, ValueError, TypeError, KeyError, OverflowError) as error:
            kept.pop(source, None)
            # Only the class is told: such texts may quote the key.
            words = f"the credentials for Google cannot be used ({type(error).__name__}): set them anew"
            raise UpstreamFailure(Failure(FailureKind.REFUSED_KEY, words)) from error
    return _token(credentials.token, credentials.expiry)


def _read(source: AdcSource, request: Any) -> Any:
    """Credentials of google-auth. Raises its errors, and UpstreamFailure for a key that is no key file."""
    import google.auth
    from google.oauth2 import credentials, service_account

    if not source.name:
        return google.auth.default(scopes=[SCOPE], request=request)[0]
    info = _key_file(source.key)
    if info["type"] == "service_account":
        return service_account.Credentials.from_service_account_info(info, scopes=[SCOPE])  # type: ignore[no-untyped-call]
    return credentials.Credentials.from_authorized_user_info(info)  # type: ignore[no-untyped-call]


def _key_file(key: Secret) -> dict[str, Any]:
    try:
        info = loads(key.reveal().encode("utf-8", "surrogatepass"))
    except MalformedJson:
        info = None
    if isinstance(info, dict) and info.get("type") in KINDS:
        return info
    words = f"the key is no key file of Google's: paste the whole JSON file of type {' or '.join(KINDS)}"
    raise UpstreamFailure(Failure(FailureKind.REFUSED_KEY, words))


def _secrets_in(key: str) -> list[str]:
    try:
        info = loads(key.encode("utf-8", "surrogatepass")) if key else None
    except MalformedJson:
        info = None
    named = info if isinstance(info, dict) else {}
    return [value for value in (key, *map(named.get, ("private_key", "refresh_token", "client_secret"))) if
            isinstance(value, str) and value]  # fmt: skip


def _unusable(source: AdcSource, error: Exception) -> Failure:
    if source.name:
        words = "the key file of the provider cannot be used: paste the whole JSON file anew"
    else:
        told = plain_words(str(error), 200)
        words = (
            _NOT_FOUND if "were not found" in told else f"the application default credentials are not usable: {told}"
        )
    return Failure(FailureKind.REFUSED_KEY, words)


def _failure(error: Exception, retryable: bool) -> Failure:
    from google.auth import exceptions

    told = plain_words(str(error.args[0]) if error.args else "", 200)
    if isinstance(error, exceptions.TransportError):
        # Its text quotes addresses and objects.
        return Failure(FailureKind.UNREACHABLE, "Google's token server cannot be reached")
    if retryable:
        return Failure(FailureKind.OVERLOADED, f"Google's token server has trouble: {told}")
    return Failure(FailureKind.REFUSED_KEY, f"Google refuses the credentials: {told}")


def _token(text: Any, expiry: datetime | None) -> _Token:
    if not isinstance(text, str) or not text:
        raise UpstreamFailure(Failure(FailureKind.GARBLED, "Google's token server gave no token"))
    now, age = unix_time(), monotonic()
    # google-auth tells times in UTC without saying so.
    life = expiry.replace(tzinfo=UTC).timestamp() - now if expiry is not None else UNTOLD_S
    life = min(life, MAX_LIFE_S) if life > 1 else UNTOLD_S
    return _Token(Secret(text), now + life, age + life - min(EARLY_S, life / 2), age + life)
