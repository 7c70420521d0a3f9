"""The live page: requests as they start, fail over and finish."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from proxy import presence
from proxy.pages.base import Page


class LivePage(Page):
    """An empty table that its script fills from the WebSocket."""

    title = "Live"
    template_name = "admin/pages/live.html"
    permission = "proxy.view_requestlog"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page; it says so when it cannot see the requests of the other processes."""
        processes = 0 if settings.REDIS_URL else presence.living()
        return self.shown(request, alone_of=processes if processes > 1 else 0, time_zone=settings.TIME_ZONE)
