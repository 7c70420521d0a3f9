"""The configuration in memory: loaded whole, swapped whole, refreshed within a second of any change.

The hot path reads `current()`, which is one attribute once the first load is done. A
daemon thread loads it and looks at the revision row; a database that is away leaves the
last good snapshot in force. Where there is none yet, requests are told why.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from django.conf import settings
from django.db import Error, connection, transaction

from providers.echo import DRILL_HEADER
from providers.model_facts import for_model
from providers.models import Provider
from providers.oauth.held import MEMORY
from providers.oauth.keeper import KEEPER
from providers.targets import Target, Timeouts
from providers.template import template_of
from proxy import health_store, price_book
from proxy.config import (
    CaptureConfig,
    ConfigSnapshot,
    DrillConfig,
    KeyConfig,
    ModelConfig,
    ProviderConfig,
    RouterConfig,
    RuleConfig,
    StreamConfig,
)
from proxy.errors import ApiError
from proxy.models import ClientKey, ConfigRevision, Drill, LogicalModel, ModelMapping, RouterSettings, RoutingRule
from proxy.patterns import Pattern, compile_pattern

log = logging.getLogger("proxy.snapshot")

REFRESH_S = 1.0
FIRST_LOOK_S = 3.0
"""Seconds that somebody who needs a snapshot waits for the first look at the database."""
DOUBT_S = 3.0
"""Seconds without a word from the database after which a key that is not known may be a new one."""
POLL_S = 0.02

_lock = threading.Lock()
_current: ConfigSnapshot | None = None
_watcher: threading.Thread | None = None
_stop = threading.Event()
_looked = threading.Event()
"""The first look at the database is over, however it went."""
_waited_until = 0.0
_trouble = ""
_confirmed = 0.0
"""When the database last said that the snapshot in force is still the truth."""


def loaded() -> ConfigSnapshot | None:
    """The snapshot in force, or None while none could be loaded or confirmed for too long."""
    if _watcher is not None and time.monotonic() - _confirmed > settings.CCM_STALE_CONFIG_S:
        return None
    return _current


def trouble() -> str:
    """Why the configuration cannot be read at this moment, and what to do; empty when it can."""
    return _trouble


def in_doubt() -> bool:
    """True while the snapshot in force may be out of date: the database fails, or has not answered for a while."""
    return bool(_trouble) or (_watcher is not None and time.monotonic() - _confirmed > DOUBT_S)


def age() -> float | None:
    """Seconds since the snapshot was last seen to be current; None while there is none."""
    return None if _current is None else time.monotonic() - _confirmed


def unavailable() -> ApiError:
    """503: there is no configuration to serve this request by; the words say why."""
    silent = "the database has not answered for a while"
    why = _trouble or (silent if _current is not None else "the configuration is still being read from the database")
    if _current is not None and loaded() is None:
        why = f"{why}; what was read before is too old to go by (CCM_STALE_CONFIG_MINUTES)"
    return ApiError(503, "api_error", f"{why}; GET /readyz says when it is there", {"retry-after": "1"})


async def current() -> ConfigSnapshot:
    """The snapshot in force; the first call starts the watcher and waits for its first look. Raises ApiError (503)."""
    if _current is None:
        watch()
        while not _looked.is_set() and time.monotonic() < _waited_until:  # noqa: ASYNC110 (a thread sets it)
            await asyncio.sleep(POLL_S)  # no thread: a database that hangs must not use them up
    if (found := loaded()) is None:
        raise unavailable()
    return found


def start() -> ConfigSnapshot | None:
    """Start the watcher and wait for its first look, a few seconds at most; None when that found nothing."""
    watch()
    if _current is None:
        _looked.wait(max(0.0, _waited_until - time.monotonic()))
    return _current


def watch() -> None:
    """Have a thread load the snapshot and keep it fresh from now on; does not wait."""
    global _watcher, _waited_until
    with _lock:
        if _watcher is None:
            _waited_until = time.monotonic() + FIRST_LOOK_S
            _watcher = threading.Thread(target=_watch, name="snapshot", daemon=True)
            _watcher.start()


def refresh() -> ConfigSnapshot:
    """Load the configuration now and put it in force."""
    global _current, _confirmed
    _current, _confirmed = load(), time.monotonic()
    return _current


def stop() -> None:
    """Forget the snapshot and end the watcher."""
    global _current, _watcher, _trouble
    _stop.set()
    if _watcher is not None:
        _watcher.join(REFRESH_S + 5)
    KEEPER.stop()
    _watcher, _current, _trouble = None, None, ""
    _stop.clear()
    _looked.clear()


def _watch() -> None:
    while True:
        health_store.STORE.sync()  # first: whoever is served by the snapshot knows who is cooling
        _look()
        _looked.set()
        KEEPER.tick()
        if _stop.wait(REFRESH_S):
            break
    health_store.STORE.sync()
    connection.close()


def _look() -> None:
    global _trouble, _confirmed
    try:
        if _current is None or ConfigRevision.current() != _current.revision:
            refresh()
    except Exception as error:
        # The last good snapshot stays in force; a request must not notice.
        if not _trouble:  # once for each outage, not once a second
            log.warning("the configuration could not be read; the last one, if any, stays in force", exc_info=True)
        _trouble = _explained(error)
        connection.close()
    else:
        if _trouble:
            log.warning("the configuration can be read again")
        _trouble, _confirmed = "", time.monotonic()


def _explained(error: Exception) -> str:
    # The kind alone: a driver's own words can hold the address and the user.
    kind = type(error).__name__
    if isinstance(error, Error):
        return (
            f"the configuration cannot be read from the database ({kind}): "
            "check that it runs and that DATABASE_URL is right; a new one needs manage.py migrate"
        )
    return f"the configuration cannot be read ({kind}); the log says why"


def load() -> ConfigSnapshot:
    """Read the whole configuration in one transaction."""
    with transaction.atomic():
        # First: what another process commits while we read (PostgreSQL shows it to us half) is then seen as new.
        revision = ConfigRevision.current()
        router = RouterSettings.objects.filter(pk=1).first() or RouterSettings()
        timeouts = _timeouts(router)
        providers = _providers(timeouts)
        MEMORY.keep_only({account for p in providers.values() for account in p.template.accounts})
        models = {model.name: model for model in _models(providers)}
        return ConfigSnapshot(
            revision=revision,
            models=models,
            models_folded={name.casefold(): model for name, model in models.items()},
            providers=providers,
            router=_router(router),
            rules=tuple(_rules()),
            keys={key.digest: key for key in _keys()},
            timeouts=timeouts,
            streams=_streams(router),
            capture=CaptureConfig(cast(Any, router.capture_bodies), router.capture_max_kb * 1024),
            drills=tuple(_drills()),
            prices=price_book.load({name: row.template.preset.name for name, row in providers.items()}),
            secrets=tuple(dict.fromkeys(_secrets(providers))),
        )


def _streams(row: RouterSettings) -> StreamConfig:
    return StreamConfig(
        row.continue_streams,
        cast(Any, row.mid_stream_failure),
        row.adaptive_first_content,
        row.hold_thinking_s,
    )


def _timeouts(row: RouterSettings) -> Timeouts:
    return Timeouts(
        row.connect_timeout_s,
        row.first_content_timeout_s,
        row.idle_timeout_s,
        row.total_timeout_s,
    )


def _providers(timeouts: Timeouts) -> dict[str, ProviderConfig]:
    found: dict[str, ProviderConfig] = {}
    rows = Provider.objects.filter(enabled=True).prefetch_related("credentials")
    for row in rows:
        template = template_of(row, timeouts)
        if template is None:
            log.warning("provider %s has an unknown preset %s and is left out", row.name, row.preset)
            continue
        found[row.name] = ProviderConfig(row.name, template, frozenset(row.models_offered))
    return found


def _secrets(providers: dict[str, ProviderConfig]) -> Iterable[str]:
    for provider in providers.values():
        yield from provider.template.secrets
    yield from MEMORY.secrets()


def _models(providers: dict[str, ProviderConfig]) -> Iterable[ModelConfig]:
    for row in LogicalModel.objects.filter(enabled=True).prefetch_related("mappings__provider"):
        targets = [_target(m, providers[m.provider.name]) for m in row.mappings.all()
                   if m.enabled and m.provider.name in providers]  # fmt: skip
        yield ModelConfig(row.name, tuple(targets), row.description, int(row.created_at.timestamp()))


def _target(mapping: ModelMapping, provider: ProviderConfig) -> Target:
    drill = ((DRILL_HEADER, mapping.drill),) if mapping.drill else ()
    general = provider.template.timeouts
    template = replace(
        provider.template,
        extra_headers=provider.template.extra_headers + drill,
        timeouts=replace(
            general,
            connect=mapping.connect_timeout_s or general.connect,
            first_content=mapping.first_content_timeout_s or general.first_content,
            idle=mapping.idle_timeout_s or general.idle,
            total=mapping.total_timeout_s or general.total,
        ),
        priority=mapping.priority,
        weight=mapping.weight,
    )
    return for_model(template, mapping.actual_model, mapping.context_window, mapping.max_output_tokens)


def _router(row: RouterSettings) -> RouterConfig:
    def name(model: LogicalModel | None) -> str:
        return model.name if model is not None else ""

    return RouterConfig(
        name(row.default),
        name(row.background),
        name(row.think),
        name(row.websearch),
        _pattern(row.auto_map_regex),
        row.auto_map_known,
        _pattern(row.background_regex),
        cast(Any, row.think_min_effort),
        row.scale_counts,
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
        if row.previous_digest and row.previous_until is not None:
            yield KeyConfig(
                row.name, row.previous_digest, min(row.previous_until, row.expires_at or row.previous_until)
            )


def _drills() -> Iterable[DrillConfig]:
    for row in Drill.running().select_related("provider", "client_key"):
        key = row.client_key.name if row.client_key else ""
        yield DrillConfig(row.pk, row.provider.name, key, cast(Any, row.fault), row.cut_after, row.ends_at)


def _pattern(text: str) -> Pattern | None:
    return compile_pattern(text) if text else None
