"""Changes → rows. Runs inside the importer's transaction; only rows that change are saved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from providers.models import Credential, OAuthToken, Provider
from proxy.configfile.plan import Change
from proxy.configfile.rows import MAPPING_FIELDS, PROVIDER_WAITS, ROUTER_FIELDS, RULE_FIELDS, keyed_credentials
from proxy.configfile.values import (
    ROUTES,
    ClientKeyValues,
    CredentialValues,
    MappingValues,
    ModelValues,
    ProviderValues,
    RouterValues,
    RuleValues,
)
from proxy.models import ClientKey, LogicalModel, ModelMapping, RouterSettings, RoutingRule

_WRITE_ORDER = ("provider", "credential", "model", "rule", "router", "client key")
_DELETE_ORDER = ("credential", "rule", "model", "provider")


def apply_changes(changes: Iterable[Change]) -> None:
    """Write the changes, what others point to first; delete last, what points to others first."""
    changes = tuple(changes)
    for kind in _WRITE_ORDER:
        for change in changes:
            if change.kind == kind and change.after is not None:
                _write(change)
    for kind in _DELETE_ORDER:
        doomed = [change for change in changes if change.kind == kind and change.after is None]
        if kind == "credential":
            _delete_credentials(doomed)
            continue
        for change in doomed:
            table: Any = {"rule": RoutingRule, "model": LogicalModel, "provider": Provider}[kind]
            table.objects.get(name=change.key[1]).delete()


def _write(change: Change) -> None:
    value = change.after
    match value:
        case ProviderValues():
            _write_provider(value)
        case CredentialValues():
            _write_credential(change, value)
        case ModelValues():
            _write_model(change, value)
        case RuleValues():
            _write_rule(value)
        case RouterValues():
            _write_router(value)
        case ClientKeyValues():
            _write_client_key(value)


def _write_provider(value: ProviderValues) -> None:
    row = Provider.objects.filter(name=value.name).first() or Provider(name=value.name)
    row.preset, row.base_url, row.enabled = value.preset, value.base_url, value.enabled
    row.headers, row.models_offered = dict(value.headers), list(value.models_offered)
    row.project_id, row.location = value.project_id, value.location
    _set(row, {name: getattr(value, name) for name in PROVIDER_WAITS})
    row.max_concurrency = value.max_concurrency
    row.save()


def _write_credential(change: Change, value: CredentialValues) -> None:
    _old, row = keyed_credentials(value.provider).get(change.key, (None, None))
    if row is None:
        row = Credential(provider=Provider.objects.get(name=value.provider), label=value.label)
    before = change.before
    row.enabled = value.enabled
    if value.flow:
        _write_account(row, value.flow)
        return
    if row.is_account and row.pk:
        OAuthToken.objects.filter(credential=row).delete()
    row.kind = Credential.API_KEY
    if value.secret is not None and (not isinstance(before, CredentialValues) or before.secret != value.secret):
        row.set_secret(value.secret)
    row.save()


def _write_account(row: Credential, flow: str) -> None:
    """An account keeps its tokens while its flow stays; another flow's would be of no use."""
    row.kind, row.sealed, row.last4 = Credential.OAUTH, "", ""
    row.save()
    if not OAuthToken.objects.filter(credential=row, flow=flow).exists():
        OAuthToken.objects.filter(credential=row).delete()
        OAuthToken.objects.create(credential=row, flow=flow)


def _delete_credentials(changes: list[Change]) -> None:
    # The rows are found before any is deleted: the keys of like-named ones count upwards.
    rows = {key: row for key, (_value, row) in keyed_credentials().items()}
    for change in changes:
        rows[change.key].delete()


def _write_model(change: Change, value: ModelValues) -> None:
    row = LogicalModel.objects.filter(name=change.key[1]).first() or LogicalModel()
    before = change.before
    own = (value.name, value.description, value.enabled)
    if not isinstance(before, ModelValues) or own != (before.name, before.description, before.enabled):
        row.name, row.description, row.enabled = own
        row.save()
    _write_mappings(row, value.mappings)


def _write_mappings(model: LogicalModel, wanted: tuple[MappingValues, ...]) -> None:
    """The rows take the wanted mappings in order of age, so that equal priorities keep the file's order."""
    rows = list(model.mappings.order_by("pk").select_related("provider"))
    for row in rows[len(wanted) :]:
        row.delete()
    rows += [ModelMapping(logical_model=model) for _ in wanted[len(rows) :]]
    for row, value in zip(rows, wanted, strict=False):
        provider = Provider.objects.get(name=value.provider)
        content = {name: getattr(value, name) for name in MAPPING_FIELDS}
        same = row.pk and row.provider_id == provider.pk
        if not same or any(getattr(row, name) != content[name] for name in MAPPING_FIELDS):
            row.provider = provider
            _set(row, content)
            row.save()


def _write_rule(value: RuleValues) -> None:
    row = RoutingRule.objects.filter(name=value.name).first() or RoutingRule()
    _set(row, {name: getattr(value, name) for name in RULE_FIELDS})
    row.logical_model = LogicalModel.objects.get(name=value.model)
    row.save()


def _write_router(value: RouterValues) -> None:
    row = RouterSettings.load()
    _set(row, {name: getattr(value, name) for name in ROUTER_FIELDS})
    for route in ROUTES:
        name = getattr(value, route)
        setattr(row, route, LogicalModel.objects.get(name=name) if name else None)
    row.save()


def _write_client_key(value: ClientKeyValues) -> None:
    row = ClientKey.objects.filter(name=value.name).first() or ClientKey(name=value.name)
    # Such a key has no prefix of its own; eight characters of the digest tell the row apart.
    row.prefix, row.digest = value.digest[:8], value.digest
    row.save()


def _set(row: Any, content: dict[str, Any]) -> None:
    for name, value in content.items():
        setattr(row, name, value)
