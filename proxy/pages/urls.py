"""Where the admin's own pages are. Each is for staff, and says itself which permission it takes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.views.generic.base import View

from proxy.pages.config import ConfigDownload, ConfigPage
from proxy.pages.console import ConsolePage
from proxy.pages.live import LivePage
from proxy.pages.pattern import PatternTest
from proxy.pages.preview import PreviewPage
from proxy.pages.replay import ReplayPage
from proxy.pages.setup import SetupDonePage, SetupModelsPage, SetupPage, SetupTestPage
from proxy.pages.sign_in import AccountPage, SignInBack, SignInPage, SignOutPage

PAGES: tuple[tuple[str, type[View], str], ...] = (
    ("live/", LivePage, "live"),
    ("console/", ConsolePage, "console"),
    ("config/", ConfigPage, "config"),
    ("config/download/", ConfigDownload, "config_download"),
    ("pattern/", PatternTest, "pattern"),
    ("preview/", PreviewPage, "preview"),
    ("history/<int:pk>/replay/", ReplayPage, "replay"),
    ("providers/setup/", SetupPage, "setup"),
    ("providers/setup/test/", SetupTestPage, "setup-test"),
    ("providers/setup/models/", SetupModelsPage, "setup-models"),
    ("providers/setup/done/", SetupDonePage, "setup-done"),
    ("sign-in/<int:provider>/", SignInPage, "sign-in"),
    ("accounts/<int:credential>/", AccountPage, "account"),
    ("accounts/<int:credential>/sign-out/", SignOutPage, "sign-out"),
)
"""Path below /admin/, view, name (reversed as "pages:NAME")."""

app_name = "pages"


def _pattern(where: str, view: type[View], name: str) -> URLPattern:
    return path(where, admin.site.admin_view(view.as_view()), name=name)


def _back_from_vendor(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
    """The way back from a vendor. Who is not logged in is asked to, but without the code in the address."""
    if not admin.site.has_permission(request):
        return redirect_to_login(request.path, reverse("admin:login"))
    return admin.site.admin_view(SignInBack.as_view())(request, **kwargs)


urlpatterns = [
    *(_pattern(*row) for row in PAGES),
    path("sign-in/back/", _back_from_vendor, name="sign-in-back"),
]
