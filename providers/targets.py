"""A target: a mapping resolved in memory, ready to be called. Frozen; built by the snapshot."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from providers.presets import Preset

SIGN_IN_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
"""Headers that sign in to a vendor: a provider that sets one by hand needs no key, and its value is a secret."""


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
class Target:
    """One upstream call that may be made: which provider, which model, with what."""

    provider: str
    preset: Preset
    base_url: str
    actual_model: str
    secret: Secret = field(default_factory=lambda: Secret(""))
    credential_id: int | None = None
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
    problem: str = ""
    """Why this target cannot be called at all (a secret that does not unseal); empty when it can."""

    @property
    def key(self) -> tuple[str, str]:
        """What health is remembered by: provider and actual model."""
        return self.provider, self.actual_model

    @property
    def origin(self) -> str:
        """Whom a reasoning blob belongs to: what this model gave at this provider goes back to no other."""
        return f"{self.preset.wire_format}:{self.provider}/{self.actual_model}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be seen of this target: its key, and what signs in by a header of its own."""
        by_hand = [value for name, value in self.extra_headers if name.lower() in SIGN_IN_HEADERS]
        bare = [value.partition(" ")[2] for value in by_hand if " " in value]
        return tuple(secret for secret in (self.secret.reveal(), *by_hand, *bare) if secret)

    def own_headers(self) -> dict[str, str]:
        """What every call to this target carries: the secret as the vendor wants it, and the extra headers."""
        headers: dict[str, str] = {}
        secret, auth = self.secret.reveal(), self.preset.auth
        if secret and auth != "none":
            name, value = ("authorization", f"Bearer {secret}") if auth == "bearer" else (auth, secret)
            headers[name] = value
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
