"""A target: a mapping resolved in memory, ready to be called. Frozen; built by the snapshot."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn

from providers.presets import Preset

SIGN_IN_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
"""Headers that sign in to a vendor: a provider that sets one by hand needs no key, and its value is a secret."""


def signs_in_by_hand(names: Iterable[str]) -> bool:
    """True when one of these headers signs in to a vendor, so that no key is needed."""
    return any(name.lower() in SIGN_IN_HEADERS for name in names)


class Secret:
    """A secret that cannot be printed, logged or pickled by accident; `reveal()` is its only way out."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself: for the header builder and the scrubber, nobody else."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"Secret(sha256:{hashlib.sha256(self._value.encode('utf-8', 'surrogatepass')).hexdigest()[:8]})"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not to be pickled")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect; to the first content; of silence between events; for the whole request."""

    connect: float = 10.0
    first_content: float = 120.0
    idle: float = 180.0
    total: float = 3600.0


@dataclass(frozen=True, slots=True)
class SpareKey:
    """A further key of a target's provider."""

    secret: Secret
    credential_id: int
    signed_in: bool = False
    """Whether the secret is a token of an account that somebody signed in with."""
    account: str = field(default="", repr=False)
    """That account, where the vendor wants it named."""
    project: str = ""
    """The Google Cloud project of that account; empty: the provider's."""


@dataclass(frozen=True, slots=True)
class Target:
    """One upstream call that may be made: which provider, which model, with what."""

    provider: str
    preset: Preset
    base_url: str
    actual_model: str
    secret: Secret = field(default_factory=lambda: Secret(""))
    credential_id: int | None = None
    signed_in: bool = False
    """Whether the secret is a token of an account that somebody signed in with: it goes out as a bearer token."""
    account: str = field(default="", repr=False)
    """That account, for the header that names it (`Preset.account_header`)."""
    extra_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeouts: Timeouts = Timeouts()
    context_window: int | None = None
    """Tokens the model takes, when known; a larger one is where a `too_long` request goes."""
    max_output_tokens: int | None = None
    """The most the model may be asked to write, when known; requests are clamped to it."""
    project: str = ""
    """The Google Cloud project, where the preset's address needs one."""
    location: str = ""
    """The Google Cloud location, where the preset's address needs one."""
    max_concurrency: int | None = None
    """The most calls at once to the provider, by this process; None: no limit."""
    priority: int = 0
    """The lowest is tried first; those of one priority share the traffic."""
    weight: int = 1
    """The share among those of one priority."""
    spare_keys: tuple[SpareKey, ...] = ()
    """The provider's other keys: selection makes a target of each."""
    key_told: str = ""
    """Which of several keys this one is, for people ("key 2 of 3"); empty where there is one at most."""
    problem: str = ""
    """Why this target cannot be called at all (a secret that does not unseal); empty when it can."""

    @property
    def key(self) -> tuple[str, str]:
        """What health is remembered by: provider and actual model."""
        return self.provider, self.actual_model

    @property
    def accounts(self) -> frozenset[int]:
        """The credentials of its provider, its own included, that somebody signed in with."""
        own = {self.credential_id} if self.signed_in and self.credential_id else set()
        return frozenset(own | {spare.credential_id for spare in self.spare_keys if spare.signed_in})

    @property
    def own_key(self) -> int:
        """The credential of one of several keys, which has a health of its own beside the model's name; else 0."""
        return (self.credential_id or 0) if self.key_told else 0

    def with_each_key(self) -> tuple[Target, ...]:
        """This target once with each key of its provider, its own first."""
        if not self.spare_keys:
            return (self,)
        own = SpareKey(self.secret, self.credential_id or 0, self.signed_in, self.account, self.project)
        keys = (own, *self.spare_keys)
        return tuple(
            replace(
                self, secret=key.secret, credential_id=key.credential_id, signed_in=key.signed_in, account=key.account,
                project=key.project or self.project, spare_keys=(), key_told=f"key {number} of {len(keys)}",
            )
            for number, key in enumerate(keys, start=1)
        )  # fmt: skip

    def is_twin_of(self, other: Target) -> bool:
        """True when both are the same but for the key."""
        same = (self.provider, self.actual_model, self.extra_headers, self.priority)
        theirs = (other.provider, other.actual_model, other.extra_headers, other.priority)
        return same == theirs and self.credential_id != other.credential_id

    @property
    def origin(self) -> str:
        """Whom a reasoning blob belongs to: what this model gave at this provider goes back to no other."""
        return f"{self.preset.wire_format}:{self.provider}/{self.actual_model}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be seen of this target: its provider's keys, and what signs in by a header of its own."""
        by_hand = [value for name, value in self.extra_headers if name.lower() in SIGN_IN_HEADERS]
        bare = [value.partition(" ")[2] for value in by_hand if " " in value]
        keys = [self.secret, *(spare.secret for spare in self.spare_keys)]
        return tuple(secret for secret in (*(key.reveal() for key in keys), *by_hand, *bare) if secret)

    def own_headers(self) -> dict[str, str]:
        """What every call to this target carries: the secret as the vendor wants it, and the extra headers."""
        headers: dict[str, str] = {}
        secret, auth = self.secret.reveal(), self.preset.auth
        if secret and auth != "none" and not secret.startswith("{"):  # a key file is never sent: it signs for a token
            bearer = auth == "bearer" or self.signed_in
            name, value = ("authorization", f"Bearer {secret}") if bearer else (auth, secret)
            headers[name] = value
        if self.account and self.preset.account_header:
            headers[self.preset.account_header] = self.account
        for name, value in (*self.preset.headers, *self.extra_headers):
            headers[name.lower()] = value
        return headers

    def __str__(self) -> str:
        return f"{self.provider}/{self.actual_model}"


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One HTTP call to make, secrets in its headers: never logged."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    repaired: tuple[str, ...] = ()
    """What of the request was left out or rewritten for this target, in a few words each: told in `x-ccm-why`."""

    def __repr__(self) -> str:
        return f"UpstreamRequest({self.method}, {len(self.body)} bytes)"
