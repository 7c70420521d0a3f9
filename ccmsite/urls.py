"""Every URL: the proxy's, the admin, and the front door that leads to it."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from proxy.pages.config_api import config

urlpatterns = [
    path("", include("proxy.urls")),
    path("api/config", config),
    path("admin/", include("proxy.pages.urls")),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(url="/admin/")),
]
