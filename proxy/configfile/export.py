"""The way back: values → TOML that imports to the same state."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

import tomlkit
from tomlkit.items import AoT, Table

from providers.oauth.flows import flow_for_file
from providers.presets import PRESETS
from proxy.configfile.expansion import escape
from proxy.configfile.values import (
    FIRST_LABEL,
    ROUTES,
    CredentialValues,
    MappingValues,
    ModelValues,
    ProviderValues,
    RouterValues,
    RuleValues,
    State,
)

_SECRET_HEADER = re.compile(r"(?i)auth|key|token|secret|cookie|password|credential")


def is_secret_header(name: str) -> bool:
    """Whether a header's name suggests that its value is a secret."""
    return _SECRET_HEADER.search(name) is not None


class UnreadableSecret(ValueError):
    """A secret that was asked for cannot be unsealed; the message says whose."""


@dataclass(frozen=True, slots=True)
class Export:
    """The text, and the environment variables that must be set where it is imported."""

    text: str
    variables: tuple[str, ...]


class _Secrets:
    """Writes secrets: themselves, or placeholders with names nothing else has."""

    def __init__(self, reveal: bool) -> None:
        self.reveal = reveal
        self.variables: list[str] = []

    def written(self, secret: str | None, *names: str) -> str:
        if self.reveal:
            if secret is None:
                raise UnreadableSecret(f"the secret of {names[0]!r} cannot be unsealed with CCM_FIELD_KEYS")
            return escape(secret)
        base = "_".join(["CCM", *(re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper() for name in names)])
        variable, number = base, 1
        while variable in self.variables:
            number += 1
            variable = f"{base}_{number}"
        self.variables.append(variable)
        return f"${{{variable}}}"


def export(state: State, *, with_secrets: bool = False) -> Export:
    """The configuration file of a state. Raises UnreadableSecret (with secrets only)."""
    secrets = _Secrets(with_secrets)
    document = tomlkit.document()
    document.add(tomlkit.comment("Made by `manage.py exportconfig`; `manage.py importconfig` reads it back."))
    document.add("router", _router(state))
    providers, models = tomlkit.aot(), tomlkit.aot()
    for value in state.values():
        if isinstance(value, ProviderValues):
            providers.append(_provider(value, state, secrets))
        elif isinstance(value, ModelValues):
            models.append(_model(value))
    for name, rows in (("providers", providers), ("models", models)):
        if rows:
            document.add(name, rows)
    return Export(tomlkit.dumps(document), tuple(secrets.variables))


def _router(state: State) -> Table:
    table = tomlkit.table()
    for value in state.values():
        if isinstance(value, RouterValues):
            for item in fields(value):
                content = getattr(value, item.name)
                if item.name in ROUTES and not content:
                    continue
                # An empty pattern means the default, as in Claude Code Mux: off is written `false`.
                off = item.name.endswith("_regex") and not content
                table.add(item.name, False if off else content)
    rules = tomlkit.aot()
    for value in state.values():
        if isinstance(value, RuleValues):
            rules.append(_filled(value, always=("name", "order", "model")))
    if rules:
        table.add("rules", rules)
    return table


def _provider(value: ProviderValues, state: State, secrets: _Secrets) -> Table:
    table = tomlkit.table()
    table.add("name", value.name)
    table.add("provider_type", value.preset)
    own = [item for item in state.values() if isinstance(item, CredentialValues) and item.provider == value.name]
    # `api_key` says neither label nor state: it stands for the first key if that needs neither.
    if own and own[0].label == FIRST_LABEL and own[0].enabled and not own[0].flow:
        table.add("api_key", secrets.written(own.pop(0).secret, value.name, "api_key"))
    elif own and own[0].enabled and _is_named(own[0], value.preset):
        table.add("auth_type", "oauth")
        table.add("oauth_provider", own.pop(0).label)
    if value.base_url:
        table.add("base_url", escape(value.base_url))
        if value.preset in PRESETS and PRESETS[value.preset].elsewhere:
            table.add("keep_type", True)
    table.add("models", list(value.models_offered))
    table.add("enabled", value.enabled)
    waits = ("connect_timeout_s", "first_content_timeout_s", "idle_timeout_s")
    for key in ("project_id", "location", *waits, "max_concurrency"):
        if getattr(value, key):
            table.add(key, getattr(value, key))
    if value.headers:
        headers = tomlkit.inline_table()
        for name, text in value.headers:
            hide = is_secret_header(name)
            headers[name] = secrets.written(text, value.name, "header", name) if hide else escape(text)
        table.add("headers", headers)
    if own:
        table.add("credentials", _credentials(own, secrets))
    return table


def _is_named(value: CredentialValues, preset: str) -> bool:
    """Whether a provider's `oauth_provider` alone says all of an account: its label, and so the flow."""
    flow = flow_for_file(preset, value.label)
    return bool(value.label and value.flow and flow and flow.name == value.flow)


def _credentials(values: list[CredentialValues], secrets: _Secrets) -> AoT:
    rows = tomlkit.aot()
    for value in values:
        row = tomlkit.table()
        row.add("label", value.label)
        if value.flow:
            row.add("auth_type", "oauth")
            row.add("oauth_provider", value.flow)
        else:
            row.add("api_key", secrets.written(value.secret, value.provider, "api_key"))
        row.add("enabled", value.enabled)
        rows.append(row)
    return rows


def _model(value: ModelValues) -> Table:
    table = _filled(value, always=("name",), leave=("mappings",))
    rows = tomlkit.aot()
    for mapping in value.mappings:
        rows.append(_filled(mapping, always=("priority", "provider", "actual_model")))
    if rows:
        table.add("mappings", rows)
    return table


def _filled(
    value: ModelValues | MappingValues | RuleValues, always: tuple[str, ...], leave: tuple[str, ...] = ()
) -> Table:
    """A value's fields as a table: `always` those, of the others what departs from the default."""
    table = tomlkit.table()
    for item in fields(value):
        content: Any = getattr(value, item.name)
        if item.name not in leave and (item.name in always or content != item.default):
            table.add(item.name, content)
    return table
