"""The proxy's tables: one noun a module."""

from proxy.models.client_key import ClientKey
from proxy.models.drill import Drill
from proxy.models.health import HealthState
from proxy.models.history import AttemptLog, Instance, RequestLog
from proxy.models.logical_model import LogicalModel, ModelMapping
from proxy.models.price import ModelPrice
from proxy.models.revision import ConfigRevision
from proxy.models.rollup import ClientKeyHour, HourlyRollup
from proxy.models.routing import RouterSettings, RoutingRule

__all__ = [
    "AttemptLog",
    "ClientKey",
    "ClientKeyHour",
    "ConfigRevision",
    "Drill",
    "HealthState",
    "HourlyRollup",
    "Instance",
    "LogicalModel",
    "ModelMapping",
    "ModelPrice",
    "RequestLog",
    "RouterSettings",
    "RoutingRule",
]
