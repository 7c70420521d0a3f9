"""The panel on a provider's page: the page itself knows nothing of the proxy."""

from __future__ import annotations

from django import template

from providers.models import Provider
from proxy.provider_panel import ProviderPanel, panel_of

register = template.Library()


@register.simple_tag(name="panel_of")
def shown(provider: Provider | None) -> ProviderPanel | None:
    """The panel of a provider that is stored; None for a new one."""
    return panel_of(provider) if provider is not None and provider.pk else None
