"""What is still to be done before the first request: three steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from django.db.models import Q
from django.urls import reverse

from providers.models import Provider
from proxy.models import LogicalModel, ModelMapping, RequestLog

State = Literal["done", "next", "later"]
_REAL = ~Q(preset="echo")
"""The built-in provider that only repeats what it is told gets nobody's work done."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what, why, where (`url` is empty for who may not do it), and what to type."""

    title: str
    text: str
    state: State
    url: str = ""
    action: str = ""
    code: str = ""


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
    model = LogicalModel.objects.filter(enabled=True).order_by("pk").values_list("name", flat=True).first()
    return (
        Step(
            "Add a provider", "An account with a vendor and its API key, or a server of your own that needs none.",
            states[0], _page("providers.add_provider", may), "Add a provider",
        ),
        Step(
            "Name a model",
            "A logical model is the name that clients ask for. Map it to a model of the provider, and to another one "
            "that takes over when the first fails.",
            states[1], _page("proxy.add_logicalmodel", may), "Add a logical model",
        ),
        Step(
            "Point a client here",
            "Clients on this machine need no key; all others need a client key. Every request appears on this page.",
            states[2], _page("proxy.add_clientkey", may), "Make a client key",
            f"export ANTHROPIC_BASE_URL={address}\nexport ANTHROPIC_AUTH_TOKEN=YOUR-CLIENT-KEY\n"
            f"claude{f' --model {model}' if model else ''}",
        ),
    )  # fmt: skip


def _page(permission: str, may: Callable[[str], bool]) -> str:
    app, _, action = permission.partition(".")
    verb, _, noun = action.partition("_")
    return reverse(f"admin:{app}_{noun}_{verb}") if may(permission) else ""
