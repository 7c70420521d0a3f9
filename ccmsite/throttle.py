"""How long a sign-in that failed too often is shut: longer the more often it is tried on."""

from __future__ import annotations

from datetime import timedelta

from axes.models import AccessAttempt
from django.db.models import Sum
from django.http import HttpRequest

FREE = 5
"""Failures of one name from one address before it is shut (AXES_FAILURE_LIMIT)."""
FIRST = timedelta(minutes=15)
LONGEST = timedelta(hours=24)


def shut_for(failures: int) -> timedelta:
    """How long after the last failure a name stays shut: 15 minutes, doubled with every five more, a day at most."""
    doublings = max(failures - FREE, 0) // FREE
    return min(FIRST * (1 << min(doublings, 10)), LONGEST)


def cool_off(request: HttpRequest | None) -> timedelta:
    """What django-axes asks (its AXES_COOLOFF_TIME): the time for whoever tries to sign in."""
    if request is None:
        return FIRST
    found = AccessAttempt.objects.filter(
        username=request.POST.get("username", ""), ip_address=getattr(request, "axes_ip_address", None)
    )
    return shut_for(found.aggregate(total=Sum("failures_since_start"))["total"] or 0)


def address(request: HttpRequest) -> str | None:
    """The peer of the connection (AXES_CLIENT_IP_CALLABLE); what a header says of it is the client's own word."""
    return request.META.get("REMOTE_ADDR") or None
