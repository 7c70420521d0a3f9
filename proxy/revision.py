"""Every save or delete of a configuration row advances the revision, in the same transaction."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.db.models.signals import post_delete, post_save

from providers.oauth import renewal


def configuration_models() -> tuple[type[Model], ...]:
    """The tables a snapshot is made of."""
    from providers.models import Credential, Provider
    from proxy.models import ClientKey, Drill, LogicalModel, ModelMapping, ModelPrice, RouterSettings, RoutingRule

    chains = (LogicalModel, ModelMapping, ModelPrice)
    return (Provider, Credential, *chains, RouterSettings, RoutingRule, ClientKey, Drill)


def _advance(**_kwargs: Any) -> None:
    from proxy.models import ConfigRevision

    ConfigRevision.advance()


def connect() -> None:
    """Listen to the configuration tables; called once, when the app is ready."""
    for model in configuration_models():
        for signal in (post_save, post_delete):
            signal.connect(_advance, sender=model, dispatch_uid=f"revision:{model.__name__}:{id(signal)}")
    # Renewed tokens are saved without signals of their own.
    renewal.changed.connect(_advance, dispatch_uid="revision:tokens")
