"""The configuration in memory: loaded whole, swapped whole, refreshed within a second of any change.

The hot path reads `current()`, which is one attribute once the first load is done. A
daemon thread looks at the revision row; a database that is away leaves the last good
snapshot in force.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from django.db import connection, transaction

from providers.model_facts import for_model
from providers.models import Credential, Provider
from providers.presets import Preset
from providers.targets import Secret, Target, Timeouts
from providers.vault import VaultError
from proxy.config import (
    CaptureConfig,
    ConfigSnapshot,
    KeyConfig,
    ModelConfig,
    ProviderConfig,
    RouterConfig,
    RuleConfig,
)
from proxy.models import ClientKey, ConfigRevision, LogicalModel, ModelMapping, RouterSettings, RoutingRule
from proxy.patterns import Pattern, compile_pattern

log = logging.getLogger("proxy.snapshot")

REFRESH_S = 1.0
DRILL_HEADER = "x-ccm-drill"
_SIGN_IN_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")

_lock = threading.Lock()
_current: ConfigSnapshot | None = None
_watcher: threading.Thread | None = None
_stop = threading.Event()


def loaded() -> ConfigSnapshot | None:
    """The snapshot in force, or None before the first request."""
    return _current


async def current() -> ConfigSnapshot:
    """The snapshot in force; the first call loads it and starts the watcher."""
    if _current is None:
        return await asyncio.to_thread(start)
    return _current


def start() -> ConfigSnapshot:
    """Load the snapshot unless there is one, and keep it fresh from now on. Blocks on the database."""
    global _watcher
    with _lock:
        snapshot = _current or refresh()
        if _watcher is None:
            _watcher = threading.Thread(target=_watch, name="snapshot", daemon=True)
            _watcher.start()
        return snapshot


def refresh() -> ConfigSnapshot:
    """Load the configuration now and put it in force."""
    global _current
    _current = load()
    return _current


def stop() -> None:
    """Forget the snapshot and end the watcher."""
    global _current, _watcher
    _stop.set()
    if _watcher is not None:
        _watcher.join(REFRESH_S + 5)
    _watcher, _current = None, None
    _stop.clear()


def _watch() -> None:
    while not _stop.wait(REFRESH_S):
        try:
            if _current is None or ConfigRevision.current() != _current.revision:
                refresh()
        except Exception:
            # The last good snapshot stays in force; a request must not notice.
            log.warning("the configuration could not be read; the last one stays in force", exc_info=True)
            connection.close()
    connection.close()


def load() -> ConfigSnapshot:
    """Read the whole configuration in one transaction."""
    with transaction.atomic():
        settings = RouterSettings.objects.filter(pk=1).first() or RouterSettings()
        timeouts = _timeouts(settings)
        providers = _providers(timeouts)
        models = {model.name: model for model in _models(providers)}
        return ConfigSnapshot(
            revision=ConfigRevision.current(),
            models=models,
            models_folded={name.casefold(): model for name, model in models.items()},
            providers=providers,
            router=_router(settings),
            rules=tuple(_rules()),
            keys={key.digest: key for key in _keys()},
            timeouts=timeouts,
            capture=CaptureConfig(cast(Any, settings.capture_bodies), settings.capture_max_kb * 1024),
            secrets=tuple(p.template.secret.reveal() for p in providers.values() if p.template.secret),
        )


def _timeouts(settings: RouterSettings) -> Timeouts:
    return Timeouts(
        settings.connect_timeout_s,
        settings.first_content_timeout_s,
        settings.idle_timeout_s,
        settings.total_timeout_s,
    )


def _providers(timeouts: Timeouts) -> dict[str, ProviderConfig]:
    found: dict[str, ProviderConfig] = {}
    rows = Provider.objects.filter(enabled=True).prefetch_related("credentials")
    for row in rows:
        preset = row.preset_row
        if preset is None:
            log.warning("provider %s has an unknown preset %s and is left out", row.name, row.preset)
            continue
        template = _template(row, preset, timeouts)
        found[row.name] = ProviderConfig(row.name, template, frozenset(row.models_offered))
    return found


def _template(row: Provider, preset: Preset, timeouts: Timeouts) -> Target:
    credential = next((c for c in row.credentials.all() if c.enabled), None)
    secret, problem = _reveal(credential)
    if not secret and not problem and preset.needs_key and not _signs_in_by_header(row.headers):
        problem = "no API key is set; add one to the provider"
    return Target(
        provider=row.name,
        preset=preset,
        base_url=row.effective_base_url,
        actual_model="",
        secret=secret,
        credential_id=credential.pk if credential else None,
        extra_headers=tuple(row.headers.items()),
        timeouts=timeouts,
        project=row.project_id,
        location=row.location,
        problem=problem,
    )


def _signs_in_by_header(headers: Mapping[str, str]) -> bool:
    return any(name.lower() in _SIGN_IN_HEADERS for name in headers)


def _reveal(credential: Credential | None) -> tuple[Secret, str]:
    if credential is None:
        return Secret(""), ""
    try:
        return Secret(credential.reveal()), ""
    except VaultError as error:
        return Secret(""), str(error)


def _models(providers: dict[str, ProviderConfig]) -> Iterable[ModelConfig]:
    for row in LogicalModel.objects.filter(enabled=True).prefetch_related("mappings__provider"):
        targets = [_target(m, providers[m.provider.name]) for m in row.mappings.all()
                   if m.enabled and m.provider.name in providers]  # fmt: skip
        yield ModelConfig(row.name, tuple(targets), row.description, int(row.created_at.timestamp()))


def _target(mapping: ModelMapping, provider: ProviderConfig) -> Target:
    drill = ((DRILL_HEADER, mapping.drill),) if mapping.drill else ()
    template = replace(provider.template, extra_headers=provider.template.extra_headers + drill)
    return for_model(template, mapping.actual_model, mapping.context_window, mapping.max_output_tokens)


def _router(settings: RouterSettings) -> RouterConfig:
    def name(model: LogicalModel | None) -> str:
        return model.name if model is not None else ""

    return RouterConfig(
        name(settings.default),
        name(settings.background),
        name(settings.think),
        name(settings.websearch),
        _pattern(settings.auto_map_regex),
        settings.auto_map_known,
        _pattern(settings.background_regex),
        cast(Any, settings.think_min_effort),
    )


def _rules() -> Iterable[RuleConfig]:
    for row in RoutingRule.objects.filter(enabled=True).select_related("logical_model"):
        yield RuleConfig(
            row.name,
            row.logical_model.name,
            _pattern(row.model_regex),
            _pattern(row.prompt_regex),
            row.has_image,
            row.min_input_tokens,
            row.header_name.lower(),
            row.header_equals,
            _pattern(row.header_regex),
            cast(Any, row.request_kind),
        )


def _keys() -> Iterable[KeyConfig]:
    for row in ClientKey.objects.filter(enabled=True):
        yield KeyConfig(row.name, row.digest, row.expires_at)


def _pattern(text: str) -> Pattern | None:
    return compile_pattern(text) if text else None
