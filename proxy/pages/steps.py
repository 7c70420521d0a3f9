"""What is still to be done before the first request: three steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse

from providers.models import Provider
from proxy.models import LogicalModel, ModelMapping, RequestLog
from proxy.setup.client_lines import export_lines

State = Literal["done", "next", "later"]
_REAL = ~Q(preset="echo")
"""The built-in provider that only repeats what it is told gets nobody's work done."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what, why, where (`url` is empty for who may not do it), and what to type.

    `waits`: why there is nowhere to go yet, for who may do it.
    """

    title: str
    text: str
    state: State
    url: str = ""
    action: str = ""
    code: str = ""
    waits: str = ""


def steps(address: str, may: Callable[[str], bool]) -> tuple[Step, ...]:
    """The steps with how far they are; empty once all is configured, or requests have come with what there is.

    `address`: where clients reach this service, without a slash at the end. `may`: has the visitor a permission?
    """
    providers = Provider.objects.filter(_REAL, enabled=True)
    mapped = ModelMapping.objects.filter(enabled=True, provider__enabled=True, logical_model__enabled=True)
    asked = RequestLog.objects.exists()
    if asked and (mapped.exists() or providers.exists()):
        return ()
    offered = providers.exclude(models_offered=[]).exists()
    done = (providers.exists(), offered or mapped.exclude(provider__preset="echo").exists(), asked)
    states: list[State] = ["done" if ready else "later" for ready in done]
    if "later" in states:
        states[states.index("later")] = "next"
    return (
        Step(
            "Set up a provider",
            "An account with a vendor and its API key, or a server of your own that needs none. One call tests it.",
            states[0], reverse("pages:setup") if may("providers.add_provider") else "", "Set up a provider",
        ),
        _naming(states[1], may),
        Step(
            "Point a client here",
            "Clients on this machine need no key; all others need a client key. Every request appears on this page.",
            states[2], reverse("admin:proxy_clientkey_add") if may("proxy.add_clientkey") else "", "Make a client key",
            "\n".join((*export_lines(address, _model()), "claude")),
        ),
    )  # fmt: skip


def _naming(state: State, may: Callable[[str], bool]) -> Step:
    """The step that gives the newest provider's models a name: the set-up's own page, once there is a provider."""
    newest = Provider.objects.filter(_REAL).order_by("-pk").values_list("pk", flat=True).first()
    allowed = may("providers.change_provider") and may("proxy.add_logicalmodel")
    return Step(
        "Name a model",
        "A logical model is the name that clients ask for. Map it to a model of the provider, and to another one "
        "that takes over when the first fails.",
        state,
        f"{reverse('pages:setup-models')}?{urlencode({'provider': newest})}" if allowed and newest else "",
        "Choose models",
        waits="The set-up of the first step leads here." if allowed else "",
    )


def _model() -> LogicalModel | None:
    """What a first client can ask for: a model that a vendor serves, else any."""
    models = LogicalModel.objects.filter(enabled=True).order_by("pk")
    served = ModelMapping.objects.filter(enabled=True, provider__enabled=True).exclude(provider__preset="echo")
    return models.filter(mappings__in=served).first() or models.first()
