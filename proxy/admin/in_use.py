"""Why something cannot be deleted: who uses it, and where that is undone."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from providers.models import Provider
from proxy.models import LogicalModel, ModelMapping, RouterSettings, RoutingRule

_ROUTES = {"default": "default", "background": "background", "think": "think", "websearch": "web search"}


def uses_of_providers(providers: Iterable[Provider]) -> list[SafeString]:
    """A sentence for each mapping that leads to one of them, with the way to its logical model."""
    rows = ModelMapping.objects.filter(provider__in=list(providers)).select_related("logical_model", "provider")
    return [
        format_html(
            'The logical model <a class="underline" href="{}">{}</a> tries {}/{}: delete that mapping first.',
            reverse("admin:proxy_logicalmodel_change", args=[row.logical_model_id]),
            row.logical_model, row.provider, row.actual_model,
        )
        for row in rows.order_by("logical_model__name", "priority", "pk")
    ]  # fmt: skip


def uses_of_models(models: Iterable[LogicalModel]) -> list[SafeString]:
    """A sentence for each route and rule that points to one of them, with the way to it."""
    named = {model.pk: model for model in models}
    settings = RouterSettings.load()
    at = reverse("admin:proxy_routersettings_change", args=[settings.pk])
    routes = [
        format_html('<a class="underline" href="{}">Router settings</a>: {} is the {} route.', at, named[pk], words)
        for field, words in _ROUTES.items()
        if (pk := getattr(settings, f"{field}_id")) in named
    ]
    rules = RoutingRule.objects.filter(logical_model__in=named).select_related("logical_model").order_by("order", "pk")
    return routes + [
        format_html(
            'The rule <a class="underline" href="{}">{}</a> leads to {}.',
            reverse("admin:proxy_routingrule_change", args=[rule.pk]), rule, rule.logical_model,
        )
        for rule in rules
    ]  # fmt: skip
