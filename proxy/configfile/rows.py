"""The tables as they are now → the same values that a file is parsed into."""

from __future__ import annotations

from typing import Any

from providers.models import Credential, Provider
from providers.presets import PRESETS
from providers.vault import VaultError
from proxy.configfile.values import (
    IMPORTED_KEY,
    ROUTER,
    ROUTES,
    ClientKeyValues,
    CredentialValues,
    Key,
    MappingValues,
    ModelValues,
    ProviderValues,
    RouterValues,
    RuleValues,
    Value,
    client_key_key,
    credential_keys,
    model_key,
    plain_base_url,
    provider_key,
    rule_key,
)
from proxy.models import ClientKey, LogicalModel, ModelMapping, RouterSettings, RoutingRule

ROUTER_FIELDS = (
    "auto_map_regex", "auto_map_known", "background_regex", "think_min_effort", "connect_timeout_s",
    "first_content_timeout_s", "idle_timeout_s", "total_timeout_s", "capture_bodies", "capture_max_kb",
    "retention_days", "rollup_days", "continue_streams", "mid_stream_failure", "scale_counts", "hold_thinking_s",
    "adaptive_first_content",
)  # fmt: skip
RULE_FIELDS = (
    "name", "order", "enabled", "model_regex", "prompt_regex", "has_image", "min_input_tokens", "header_name",
    "header_equals", "header_regex", "request_kind",
)  # fmt: skip
MAPPING_FIELDS = (
    "priority", "actual_model", "enabled", "context_window", "max_output_tokens", "drill", "first_content_timeout_s",
    "idle_timeout_s", "weight", "price", "connect_timeout_s", "total_timeout_s",
)  # fmt: skip
PROVIDER_WAITS = ("connect_timeout_s", "first_content_timeout_s", "idle_timeout_s")


def load_state() -> dict[Key, Value]:
    """Everything a configuration file can say, as the database has it."""
    state: dict[Key, Value] = {}
    for provider in Provider.objects.order_by("pk"):
        state[provider_key(provider.name)] = _provider(provider)
    state.update(credential_rows_as_values())
    for model in LogicalModel.objects.order_by("pk").prefetch_related("mappings__provider"):
        state[model_key(model.name)] = _model(model)
    for rule in RoutingRule.objects.select_related("logical_model"):
        content = {name: getattr(rule, name) for name in RULE_FIELDS}
        state[rule_key(rule.name)] = RuleValues(model=rule.logical_model.name, **content)
    state[ROUTER] = _router()
    for key in ClientKey.objects.filter(name=IMPORTED_KEY):
        state[client_key_key(key.name)] = ClientKeyValues(key.name, key.digest)
    return state


def credential_rows_as_values() -> dict[Key, Value]:
    """All credentials with their secrets unsealed."""
    return {key: value for key, (value, _row) in keyed_credentials().items()}


def keyed_credentials(provider: str = "") -> dict[Key, tuple[CredentialValues, Credential]]:
    """The credential rows (of one provider, or all) under the keys their values have."""
    rows = list(Credential.objects.select_related("provider", "oauth").order_by("pk"))
    if provider:
        rows = [row for row in rows if row.provider.name == provider]
    values = [_credential(row) for row in rows]
    keyed = credential_keys(values)
    return {key: (value, row) for (key, value), row in zip(keyed.items(), rows, strict=True)}


def _credential(row: Credential) -> CredentialValues:
    if row.is_account:
        flow = row.oauth.flow if hasattr(row, "oauth") else ""
        return CredentialValues(row.provider.name, row.label, None, row.enabled, flow)
    return CredentialValues(row.provider.name, row.label, _secret(row), row.enabled)


def _secret(row: Credential) -> str | None:
    try:
        return row.reveal()
    except VaultError:
        return None


def _provider(row: Provider) -> ProviderValues:
    preset = PRESETS.get(row.preset)
    return ProviderValues(
        name=row.name,
        preset=row.preset,
        base_url=plain_base_url(row.base_url, preset.base_url if preset else ""),
        enabled=row.enabled,
        headers=tuple(sorted(row.headers.items())),
        project_id=row.project_id,
        location=row.location,
        models_offered=tuple(row.models_offered),
        max_concurrency=row.max_concurrency,
        **{name: getattr(row, name) for name in PROVIDER_WAITS},
    )


def _model(row: LogicalModel) -> ModelValues:
    mappings = sorted(row.mappings.all(), key=lambda mapping: (mapping.priority, mapping.pk))
    return ModelValues(row.name, row.description, row.enabled, tuple(_mapping(mapping) for mapping in mappings))


def _mapping(row: ModelMapping) -> MappingValues:
    return MappingValues(provider=row.provider.name, **{name: getattr(row, name) for name in MAPPING_FIELDS})


def _router() -> RouterValues:
    row = RouterSettings.objects.select_related(*ROUTES).filter(pk=1).first() or RouterSettings()
    content: dict[str, Any] = {route: model.name if (model := getattr(row, route)) else "" for route in ROUTES}
    content.update({name: getattr(row, name) for name in ROUTER_FIELDS})
    return RouterValues(**content)
