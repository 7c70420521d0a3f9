"""The admin's sidebar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy

_GROUPS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Configure",
        (
            ("Providers", "cloud", "providers_provider"),
            ("Logical models", "alt_route", "proxy_logicalmodel"),
            ("Router settings", "tune", "proxy_routersettings"),
            ("Routing rules", "rule", "proxy_routingrule"),
            ("Client keys", "key", "proxy_clientkey"),
            ("Prices", "payments", "proxy_modelprice"),
            ("OAuth clients", "badge", "providers_oauthclient"),
        ),
    ),
    (
        "Watch",
        (
            ("Request history", "history", "proxy_requestlog"),
            ("Health", "monitor_heart", "proxy_healthstate"),
            ("Drills", "fire_extinguisher", "proxy_drill"),
        ),
    ),
    ("People", (("Users", "person", "auth_user"), ("Groups", "group", "auth_group"))),
)

_PAGES: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "Configure": (
        ("Set up a provider", "add_circle", "setup", "providers.add_provider"),
        ("Preview", "explore", "preview", "proxy.view_logicalmodel"),
        ("Import and export", "import_export", "config", "proxy.view_routersettings"),
    ),
    "Watch": (
        ("Live", "sensors", "live", "proxy.view_requestlog"),
        ("Console", "terminal", "console", "proxy.use_console"),
    ),
}
"""Pages that are no table's, after the tables of a group: title, icon, name, permission."""


def _allowed(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def navigation() -> list[dict[str, Any]]:
    """The sidebar's groups, as the theme wants them; what somebody may not see is not offered."""
    home = {"title": "Dashboard", "icon": "dashboard", "link": reverse_lazy("admin:index")}
    return [{"items": [home]}] + [
        {
            "title": title,
            "separator": True,
            "items": [_item(*item) for item in items] + [_page(*page) for page in _PAGES.get(title, ())],
        }
        for title, items in _GROUPS
    ]


def _item(name: str, icon: str, model: str) -> dict[str, Any]:
    app, _, noun = model.partition("_")
    link = reverse_lazy(f"admin:{model}_changelist")
    return {"title": name, "icon": icon, "link": link, "permission": _allowed(f"{app}.view_{noun}")}


def _page(name: str, icon: str, page: str, permission: str) -> dict[str, Any]:
    return {"title": name, "icon": icon, "link": reverse_lazy(f"pages:{page}"), "permission": _allowed(permission)}
