"""Where the admin's own pages are. Each is for staff, and says itself which permission it takes."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, path
from django.views.generic.base import View

from proxy.pages.config import ConfigDownload, ConfigPage
from proxy.pages.live import LivePage

PAGES: tuple[tuple[str, type[View], str], ...] = (
    ("live/", LivePage, "live"),
    ("config/", ConfigPage, "config"),
    ("config/download/", ConfigDownload, "config_download"),
)
"""Path below /admin/, view, name (reversed as "pages:NAME")."""

app_name = "pages"


def _pattern(where: str, view: type[View], name: str) -> URLPattern:
    return path(where, admin.site.admin_view(view.as_view()), name=name)


urlpatterns = [_pattern(*row) for row in PAGES]
