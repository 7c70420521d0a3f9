"""What a provider's page says about its health: the page itself knows nothing of the proxy."""

from __future__ import annotations

from django import template
from django.utils import timezone

from providers.models import Provider
from proxy.models import HealthState
from proxy.setup.lack import lack_of

register = template.Library()


@register.simple_tag
def health_of(provider: Provider | None) -> str:
    """One line on a provider that is stored, in the order of its list's badge; empty for a new one."""
    if provider is None or not provider.pk:
        return ""
    if not provider.enabled:
        return "Switched off: every mapping skips it."
    if lack := lack_of(provider):
        return f"It {lack} before it can be called."
    rows = list(HealthState.objects.filter(provider=provider.name, until__gt=timezone.now()).order_by("-until"))
    if not rows:
        return "Healthy: nothing of it is cooling."
    told = ", ".join(f"{row.actual_model or 'its key'} ({row.kind.replace('_', ' ')})" for row in rows[:5])
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    until = timezone.localtime(rows[0].until).strftime("%d %b %H:%M:%S")
    return f"Cooling until {until} at the latest: {told}{more}."
