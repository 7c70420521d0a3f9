"""States and import results as plain JSON values, secrets masked: for `--json` and for the web."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from providers.presets import PRESETS
from proxy.configfile.expansion import escape
from proxy.configfile.export import is_secret_header
from proxy.configfile.importing import ImportResult
from proxy.configfile.plan import Change
from proxy.configfile.values import (
    CredentialValues,
    ModelValues,
    ProviderValues,
    RouterValues,
    RuleValues,
    State,
    masked,
)


def result_content(result: ImportResult, *, dry_run: bool) -> dict[str, Any]:
    """What an import found and changed."""
    return {
        "ok": not result.errors,
        "dry_run": dry_run,
        "applied": result.applied,
        "errors": [str(finding) for finding in result.errors],
        "notes": [str(note) for note in result.notes],
        "changes": [_change(change) for change in result.changes],
        "unchanged": result.unchanged,
        "absent": [f"{change.kind} {change.name}" for change in result.absent],
    }


def state_content(state: State) -> dict[str, Any]:
    """A whole configuration, shaped like the file: router with its rules, providers with their keys, models."""
    content: dict[str, Any] = {"router": {}, "providers": [], "models": []}
    rules: list[dict[str, Any]] = []
    for value in state.values():
        match value:
            case RouterValues():
                content["router"] = _router(value)
            case RuleValues():
                rules.append(asdict(value))
            case ProviderValues():
                content["providers"].append(_provider(value, state))
            case ModelValues():
                content["models"].append(asdict(value))
    content["router"]["rules"] = rules
    return content


def _change(change: Change) -> dict[str, Any]:
    fields = [asdict(field) for field in change.fields]
    return {"action": change.action, "kind": change.kind, "name": change.name, "fields": fields}


def _router(value: RouterValues) -> dict[str, Any]:
    # As in the file: an empty pattern is the default there, and off is `false`.
    content = asdict(value)
    return {name: False if name.endswith("_regex") and not kept else kept for name, kept in content.items()}


def _provider(value: ProviderValues, state: State) -> dict[str, Any]:
    content = asdict(value)
    content["provider_type"] = content.pop("preset")
    content["models"] = content.pop("models_offered")
    if value.base_url and value.preset in PRESETS and PRESETS[value.preset].elsewhere:
        content["keep_type"] = True
    content["base_url"] = escape(value.base_url)
    content["headers"] = {n: masked(text) if is_secret_header(n) else escape(text) for n, text in value.headers}
    content["credentials"] = [
        _credential(item)
        for item in state.values()
        if isinstance(item, CredentialValues) and item.provider == value.name
    ]
    return content


def _credential(value: CredentialValues) -> dict[str, Any]:
    key: dict[str, Any] = {"api_key": masked(value.secret)}
    account = {"auth_type": "oauth", "oauth_provider": value.flow}
    return {"label": value.label, **(account if value.flow else key), "enabled": value.enabled}
