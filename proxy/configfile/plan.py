"""What an import would change: the state now against the state the file asks for. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from providers.addresses import model_problem
from providers.presets import PRESETS, Preset
from proxy.configfile.findings import Findings, Place
from proxy.configfile.parse import ParsedFile
from proxy.configfile.values import (
    ROUTES,
    CredentialValues,
    Key,
    MappingValues,
    ModelValues,
    ProviderValues,
    RouterValues,
    RuleValues,
    State,
    Value,
    mapping_key,
    masked,
    model_key,
    provider_key,
)

Action = Literal["add", "change", "delete"]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field's text before and after, secrets masked."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """One value to add, change or delete."""

    key: Key
    before: Value | None
    after: Value | None

    @property
    def action(self) -> Action:
        """What happens to it."""
        return "delete" if self.after is None else "add" if self.before is None else "change"

    @property
    def kind(self) -> str:
        """The kind of value."""
        return self.key[0]

    @property
    def name(self) -> str:
        """What people call it."""
        return "/".join(self.key[1:3]) if self.kind == "credential" else self.key[1] if len(self.key) > 1 else ""

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        """The fields that differ; for an added value those that say something."""
        before, after = _shown(self.before), _shown(self.after)
        names = dict.fromkeys([*before, *after])
        rows = (FieldChange(name, before.get(name, ""), after.get(name, "")) for name in names)
        return tuple(row for row in rows if row.before != row.after or self._replaced(row.name))

    def _replaced(self, field: str) -> bool:
        """Two secrets may look alike when masked; they are still a change."""
        old, new = getattr(self.before, field, None), getattr(self.after, field, None)
        return field in ("secret", "digest") and None not in (old, new) and old != new

    def __str__(self) -> str:
        sign = {"add": "+", "change": "~", "delete": "-"}[self.action]
        head = f"{sign} {self.kind} {self.name}".rstrip()
        if self.action == "delete":
            return head
        lines = [
            f"    {row.name}: {row.after}" if self.action == "add" else f"    {row.name}: {row.before} → {row.after}"
            for row in self.fields
            if self.action == "change" or row.after
        ]
        return "\n".join([head, *lines])


def merge(current: State, parsed: ParsedFile, *, prune: bool) -> dict[Key, Value]:
    """The state after the import: the file's values over those of now; with `prune`, nothing else stays.

    Client keys always stay, and so do the router when the file has no [router] and the
    credentials of a provider for which the file gives none.
    """
    final = {key: value for key, value in current.items() if not prune or _survives(key, parsed)}
    spelling = {key[1].casefold(): key for key in current if key[0] == "model"}
    for key, value in parsed.values.items():
        if isinstance(value, ModelValues) and key not in current:
            final[spelling.get(key[1].casefold(), key)] = value
        elif isinstance(value, CredentialValues) and value.secret is None and not value.flow:
            stored = current.get(key)
            if isinstance(stored, CredentialValues):
                final[key] = replace(stored, enabled=value.enabled)
        else:
            final[key] = value
    names = {value.name.casefold(): value.name for value in final.values() if isinstance(value, ModelValues)}
    return {key: _respelled(value, lambda name: names.get(name.casefold(), name)) for key, value in final.items()}


def _survives(key: Key, parsed: ParsedFile) -> bool:
    kind = key[0]
    if kind in ("router", "client key"):
        return True
    if kind != "credential":
        return False
    declared = {other[1] for other in parsed.values if other[0] == "credential"}
    return provider_key(key[1]) in parsed.values and key[1] not in declared


def _respelled(value: Value, spell: Callable[[str], str]) -> Value:
    """`value` with the names of logical models written as the models themselves write them."""
    if isinstance(value, RouterValues):
        routes: dict[str, Any] = {route: spell(getattr(value, route)) for route in ROUTES}
        return replace(value, **routes)
    return replace(value, model=spell(value.model)) if isinstance(value, RuleValues) else value


def check_references(final: State, parsed: ParsedFile, findings: Findings) -> None:
    """Report every route, rule and mapping that names something which is not there."""
    models = {value.name for value in final.values() if isinstance(value, ModelValues)}
    for key, value in final.items():
        place = parsed.places.get(key, Place((), f"{' '.join(key)} (stored)"))
        if isinstance(value, RouterValues):
            for route in ROUTES:
                _refer(getattr(value, route), models, "logical model", place, route, findings)
        elif isinstance(value, RuleValues):
            _refer(value.model, models, "logical model", place, "model", findings)
        elif isinstance(value, ModelValues):
            providers = {other[1] for other in final if other[0] == "provider"}
            for rank, mapping in enumerate(value.mappings):
                spot = parsed.places.get(mapping_key(value.name, rank), place)
                _refer(mapping.provider, providers, "provider", spot, "provider", findings)


def check_addresses(current: State, final: State, parsed: ParsedFile, findings: Findings) -> None:
    """Report a stored key that would travel to another server only because the provider's address changes."""
    for key, value in final.items():
        if not isinstance(value, CredentialValues) or key not in current:
            continue
        said = parsed.values.get(key)
        owner = provider_key(value.provider)
        if isinstance(said, CredentialValues) and said.secret is not None:
            continue
        # Of a type that there is not, which is reported already, nobody can say where it goes.
        known = _preset(final.get(owner)) is not None
        if known and not same_server(current.get(owner), final.get(owner)):
            message = f"would take the stored key {value.label!r} to another server; give its api_key in the file too"
            findings.error(parsed.places.get(owner, Place((), value.provider)), message, "base_url")


def check_models(current: State, final: State, parsed: ParsedFile, findings: Findings) -> None:
    """Report every mapping whose model its provider cannot address: the file's, and those it gives another type."""
    for value in final.values():
        if isinstance(value, ModelValues):
            for rank, mapping in enumerate(value.mappings):
                _check_mapping(value.name, rank, mapping, (current, final), parsed, findings)


def _check_mapping(
    model: str, rank: int, mapping: MappingValues, states: tuple[State, State], parsed: ParsedFile, findings: Findings
) -> None:
    owner = provider_key(mapping.provider)
    before, after = (_preset(state.get(owner)) for state in states)
    place = parsed.places.get(mapping_key(model, rank)) or parsed.places.get(model_key(model))
    # A missing name is reported already, and a stored one that was so before is not this file's doing.
    if mapping.actual_model and (place is not None or before != after):
        stored = Place((), f"model {model} (stored), {mapping.provider}/{mapping.actual_model}")
        if problem := model_problem(after, mapping.actual_model):
            findings.error(place or stored, problem, "actual_model")


def _preset(value: Value | None) -> Preset | None:
    return PRESETS.get(value.preset) if isinstance(value, ProviderValues) else None


def same_server(before: Value | None, after: Value | None) -> bool:
    """Whether two states of a provider send their requests to the same server."""
    return _origin(before) == _origin(after)


def _origin(value: Value | None) -> tuple[str, str]:
    """Scheme and host with port of where a provider's requests go."""
    if not isinstance(value, ProviderValues):
        return "", ""
    preset = _preset(value)
    scheme, _, rest = (value.base_url or (preset.base_url if preset else "")).partition("://")
    return scheme.lower(), rest.partition("/")[0].lower()


def _refer(name: str, known: set[str], kind: str, place: Place, key: str, findings: Findings) -> None:
    if name and name not in known:
        listed = ", ".join(sorted(known)[:20]) or "none"
        findings.error(place, f"there is no {kind} {name!r}; known: {listed}", key)


def diff(current: State, final: State) -> tuple[Change, ...]:
    """The changes that lead from one state to the other."""
    keys = dict.fromkeys([*final, *current])
    return tuple(Change(key, current.get(key), final.get(key)) for key in keys if current.get(key) != final.get(key))


def _shown(value: Value | None) -> dict[str, str]:
    """A value's fields as people may see them."""
    if value is None:
        return {}
    shown: dict[str, str] = {}
    for item in fields(value):
        content = getattr(value, item.name)
        if item.name in ("secret", "digest"):
            shown[item.name] = _shown_secret(value, content)
        elif item.name == "headers":
            shown[item.name] = ", ".join(f"{name}={masked(text)}" for name, text in content)
        elif item.name == "mappings":
            shown[item.name] = "; ".join(_shown_mapping(mapping) for mapping in content) or "none"
        elif item.name != "name" or isinstance(value, ModelValues):
            shown[item.name] = _text(content)
    return shown


def _shown_secret(value: Value, content: str | None) -> str:
    if not isinstance(value, CredentialValues):
        return "(hidden)"
    return "" if value.flow else masked(content)


def _text(content: Any) -> str:
    if content is None or isinstance(content, bool):
        return {None: "", True: "yes", False: "no"}[content]
    return ", ".join(content) if isinstance(content, tuple) else str(content)


def _shown_mapping(mapping: MappingValues) -> str:
    extras = [
        "" if mapping.enabled else "disabled",
        f"window {mapping.context_window}" if mapping.context_window else "",
        f"output {mapping.max_output_tokens}" if mapping.max_output_tokens else "",
        f"connect {mapping.connect_timeout_s:g} s" if mapping.connect_timeout_s else "",
        f"first content {mapping.first_content_timeout_s:g} s" if mapping.first_content_timeout_s else "",
        f"idle {mapping.idle_timeout_s:g} s" if mapping.idle_timeout_s else "",
        f"whole answer {mapping.total_timeout_s:g} s" if mapping.total_timeout_s else "",
        f"drill {mapping.drill}" if mapping.drill else "",
        f"price {mapping.price}" if mapping.price else "",
        f"weight {mapping.weight}" if mapping.weight != 1 else "",
    ]
    tail = ", ".join(extra for extra in extras if extra)
    return f"{mapping.priority} {mapping.provider}/{mapping.actual_model}" + (f" ({tail})" if tail else "")
