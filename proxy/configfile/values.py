"""What a configuration file says and what the tables hold, in the same frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Key = tuple[str, ...]
"""What identifies a value: its kind, then its names. Two states are compared key by key."""

FIRST_LABEL = "API key"
"""The label of the credential that a provider's `api_key` stands for."""

IMPORTED_KEY = "imported"
"""The name of the client key that `server.api_key` becomes."""


@dataclass(frozen=True, slots=True)
class ProviderValues:
    """A provider's row. `base_url` is empty for the preset's own address."""

    name: str
    preset: str
    base_url: str = ""
    enabled: bool = True
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    project_id: str = ""
    location: str = ""
    models_offered: tuple[str, ...] = ()
    connect_timeout_s: float | None = None
    first_content_timeout_s: float | None = None
    idle_timeout_s: float | None = None
    max_concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class CredentialValues:
    """A credential with its secret in the clear; None: stored, but unreadable; in a file: not given, keep it.

    An account has a `flow` to sign in by, and its tokens are no part of a configuration.
    """

    provider: str
    label: str
    secret: str | None = field(repr=False)
    enabled: bool = True
    flow: str = ""


@dataclass(frozen=True, slots=True)
class MappingValues:
    """One mapping of a logical model."""

    priority: int
    provider: str
    actual_model: str
    enabled: bool = True
    context_window: int | None = None
    max_output_tokens: int | None = None
    drill: str = ""
    first_content_timeout_s: float | None = None
    idle_timeout_s: float | None = None
    weight: int = 1
    price: str = ""
    connect_timeout_s: float | None = None
    total_timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class ModelValues:
    """A logical model with its mappings in the order they are tried."""

    name: str
    description: str = ""
    enabled: bool = True
    mappings: tuple[MappingValues, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleValues:
    """A routing rule; `model` names its logical model."""

    name: str
    order: int
    model: str
    enabled: bool = True
    model_regex: str = ""
    prompt_regex: str = ""
    has_image: bool | None = None
    min_input_tokens: int | None = None
    header_name: str = ""
    header_equals: str = ""
    header_regex: str = ""
    request_kind: str = ""


@dataclass(frozen=True, slots=True)
class RouterValues:
    """The router's settings; an empty route or pattern is off. The defaults are those of the table."""

    default: str = ""
    background: str = ""
    think: str = ""
    websearch: str = ""
    auto_map_regex: str = "^claude-"
    auto_map_known: bool = False
    background_regex: str = "(?i)claude.*haiku"
    think_min_effort: str = "xhigh"
    connect_timeout_s: float = 10.0
    first_content_timeout_s: float = 120.0
    idle_timeout_s: float = 180.0
    total_timeout_s: float = 3600.0
    capture_bodies: str = "off"
    capture_max_kb: int = 256
    retention_days: int = 30
    rollup_days: int = 400
    continue_streams: bool = True
    mid_stream_failure: str = "error_event"
    scale_counts: bool = False
    hold_thinking_s: int = 0
    adaptive_first_content: bool = False


@dataclass(frozen=True, slots=True)
class ClientKeyValues:
    """A client key as it is kept: its digest only."""

    name: str
    digest: str = field(repr=False)


Value = ProviderValues | CredentialValues | ModelValues | RuleValues | RouterValues | ClientKeyValues
State = Mapping[Key, Value]
"""A whole configuration, or what a file says of one."""

ROUTES = ("default", "background", "think", "websearch")
ROUTER: Key = ("router",)


def provider_key(name: str) -> Key:
    """The key of a provider."""
    return ("provider", name)


def model_key(name: str) -> Key:
    """The key of a logical model."""
    return ("model", name)


def mapping_key(model: str, rank: int) -> Key:
    """The key of a mapping's place in the file; mappings themselves are part of their model."""
    return ("mapping", model, str(rank))


def rule_key(name: str) -> Key:
    """The key of a routing rule."""
    return ("rule", name)


def client_key_key(name: str) -> Key:
    """The key of a client key."""
    return ("client key", name)


def credential_keys(credentials: list[CredentialValues]) -> dict[Key, CredentialValues]:
    """The credentials under their keys: provider, label, and a number, because labels may repeat."""
    keyed: dict[Key, CredentialValues] = {}
    for credential in credentials:
        number = 0
        while (key := ("credential", credential.provider, credential.label, str(number))) in keyed:
            number += 1
        keyed[key] = credential
    return keyed


def plain_base_url(url: str, preset_url: str) -> str:
    """`url` without trailing slashes, and empty when it is the preset's own address."""
    plain = url.rstrip("/")
    return "" if plain == preset_url.rstrip("/") else plain


def masked(secret: str | None) -> str:
    """A secret as it may be shown: its last four characters, if it has enough others."""
    if secret is None:
        return "(unreadable)"
    return f"…{secret[-4:]}" if len(secret) >= 12 else "…"
