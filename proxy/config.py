"""The whole configuration of one moment, frozen. A request keeps the snapshot it started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from providers.targets import Target, Timeouts
from proxy.patterns import Pattern
from proxy.pricing import PriceBook

RequestKind = Literal["", "title", "compaction", "count"]
Effort = Literal["low", "medium", "high", "xhigh", "max", "off"]

EFFORT_ORDER: Mapping[str, int] = MappingProxyType({"low": 1, "medium": 2, "high": 3, "xhigh": 4, "max": 5})


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A logical model and its targets in priority order (enabled ones only)."""

    name: str
    targets: tuple[Target, ...]
    description: str = ""
    created: int = 0
    """Unix seconds, for model lists."""


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """A routing rule with its patterns compiled. A condition that is None or empty does not matter."""

    name: str
    model: str
    model_pattern: Pattern | None = None
    prompt_pattern: Pattern | None = None
    has_image: bool | None = None
    min_input_tokens: int | None = None
    header_name: str = ""
    header_equals: str = ""
    header_pattern: Pattern | None = None
    request_kind: RequestKind = ""


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """The router's settings; a route that is empty is off."""

    default: str = ""
    background: str = ""
    think: str = ""
    websearch: str = ""
    auto_map: Pattern | None = None
    auto_map_known: bool = False
    background_pattern: Pattern | None = None
    think_min_effort: Effort = "xhigh"
    scale_counts: bool = False
    """Token counts are told in the measure of the window the client believes in."""


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """A provider as routing needs it: a target for any model name, and the names it answers to directly."""

    name: str
    template: Target
    """A target whose `actual_model` is empty: `dataclasses.replace` it with a name."""
    models_offered: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KeyConfig:
    """A client key as the gate needs it."""

    name: str
    digest: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CaptureConfig:
    """Which request bodies the history keeps, and how much of each."""

    bodies: Literal["off", "errors", "all"] = "off"
    max_bytes: int = 256 * 1024


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """What happens to a stream that breaks after content: it goes on elsewhere where it can, else it ends so."""

    goes_on: bool = True
    otherwise: Literal["error_event", "cut"] = "error_event"
    adaptive_first_content: bool = False
    """A stream whose first content is late by its target's own recent times moves on."""
    hold_thinking_s: int = 0
    """Seconds that thinking is kept back until the next block begins; 0: not at all."""


Fault = Literal["429", "529", "hang", "cut", "refused"]


@dataclass(frozen=True, slots=True)
class DrillConfig:
    """A provider that fails on purpose, for the requests of one client key, until `ends_at`."""

    id: int
    provider: str
    client_key: str
    """The key's name; empty for requests without a key."""
    fault: Fault
    cut_after: int
    """Characters of text, for a cut."""
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class ConfigSnapshot:
    """Everything the hot path reads. Swapped whole, never changed."""

    revision: int = 0
    models: Mapping[str, ModelConfig] = field(default_factory=dict)
    models_folded: Mapping[str, ModelConfig] = field(default_factory=dict)
    """The same models under their case-folded names."""
    providers: Mapping[str, ProviderConfig] = field(default_factory=dict)
    router: RouterConfig = RouterConfig()
    rules: tuple[RuleConfig, ...] = ()
    keys: Mapping[str, KeyConfig] = field(default_factory=dict)
    """Client keys by the SHA-256 of the whole key."""
    timeouts: Timeouts = Timeouts()
    capture: CaptureConfig = CaptureConfig()
    streams: StreamConfig = StreamConfig()
    drills: tuple[DrillConfig, ...] = ()
    prices: PriceBook = PriceBook()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Every secret in use, for the scrubber."""

    def model(self, name: str) -> ModelConfig | None:
        """The logical model of that name: exactly, else without regard to case."""
        return self.models.get(name) or self.models_folded.get(name.casefold())
