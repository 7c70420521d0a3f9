"""The tables' own validators over a file's values: what a form would refuse, an import refuses too."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Model

from providers.models import Credential, Provider
from providers.presets import PRESETS
from proxy.configfile.findings import Place
from proxy.configfile.parse import ParsedFile
from proxy.configfile.rows import MAPPING_FIELDS, PROVIDER_WAITS, ROUTER_FIELDS, RULE_FIELDS
from proxy.configfile.values import (
    CredentialValues,
    ModelValues,
    ProviderValues,
    RouterValues,
    RuleValues,
    State,
    mapping_key,
)
from proxy.models import LogicalModel, ModelMapping, RouterSettings, RoutingRule

_KEY_NAMES = {"preset": "provider_type", "models_offered": "models", "logical_model": "model"}


def check_values(parsed: ParsedFile, final: State) -> None:
    """Report to the file's findings whatever a field or a row as a whole may not hold."""
    for key, value in parsed.values.items():
        place = parsed.places[key]
        match value:
            case ProviderValues():
                _check_provider(value, place, parsed)
            case CredentialValues():
                _check(Credential(label=value.label), ("provider", "sealed"), place, parsed)
            case ModelValues():
                _check_model(value, place, parsed, final)
            case RuleValues():
                rule = RoutingRule(**{name: getattr(value, name) for name in RULE_FIELDS})
                _check(rule, ("logical_model",), place, parsed, whole=True)
            case RouterValues():
                _check(RouterSettings(**{name: getattr(value, name) for name in ROUTER_FIELDS}), (), place, parsed)


def _check_provider(value: ProviderValues, place: Place, parsed: ParsedFile) -> None:
    row = Provider(
        name=value.name,
        preset=value.preset,
        base_url=value.base_url,
        headers=dict(value.headers),
        project_id=value.project_id,
        location=value.location,
        models_offered=list(value.models_offered),
        max_concurrency=value.max_concurrency,
        **{name: getattr(value, name) for name in PROVIDER_WAITS},
    )
    # An unknown vendor has been reported while parsing, with the list of those that exist.
    _check(row, () if value.preset in PRESETS else ("preset",), place, parsed, whole=True)


def _check_model(value: ModelValues, place: Place, parsed: ParsedFile, final: State) -> None:
    _check(LogicalModel(name=value.name, description=value.description), (), place, parsed)
    for rank, mapping in enumerate(value.mappings):
        spot = parsed.places.get(mapping_key(value.name, rank), place)
        row = ModelMapping(**{name: getattr(mapping, name) for name in MAPPING_FIELDS})
        _check(row, ("logical_model", "provider"), spot, parsed)
        provider = final.get(("provider", mapping.provider))
        if mapping.drill and isinstance(provider, ProviderValues) and provider.preset != "echo":
            parsed.findings.error(spot, "only mappings to an echo provider can be told to fail", "drill")


def _check(row: Model, exclude: tuple[str, ...], place: Place, parsed: ParsedFile, *, whole: bool = False) -> None:
    try:
        row.clean_fields(exclude=exclude)
        if whole:
            row.clean()
    except ValidationError as error:
        problems: dict[str, Any] = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
        for field, messages in problems.items():
            key = "" if field == NON_FIELD_ERRORS else _KEY_NAMES.get(field, field)
            for message in messages:
                parsed.findings.error(place, message, key)
