"""What a provider's page says about its accounts: the page itself knows nothing of the proxy."""

from __future__ import annotations

from django import template

from providers.models import Provider
from providers.oauth.flows import Flow, flows_for
from proxy.account_list import Account, accounts_of

register = template.Library()


@register.simple_tag(name="accounts_of")
def listed(provider: Provider | None) -> list[Account]:
    """The accounts of a provider that is stored; none for a new one."""
    return accounts_of(provider) if provider is not None and provider.pk else []


@register.simple_tag(name="flows_of")
def ways(provider: Provider | None) -> tuple[Flow, ...]:
    """The ways to sign in to it."""
    return flows_for(provider.preset) if provider is not None and provider.pk else ()
