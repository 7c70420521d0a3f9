"""The admin's sidebar."""

from __future__ import annotations

from typing import Any

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
        ),
    ),
    (
        "Watch",
        (("Request history", "history", "proxy_requestlog"), ("Health", "monitor_heart", "proxy_healthstate")),
    ),
    ("People", (("Users", "person", "auth_user"), ("Groups", "group", "auth_group"))),
)


def navigation() -> list[dict[str, Any]]:
    """The sidebar's groups, as the theme wants them."""
    return [
        {
            "title": title,
            "separator": True,
            "items": [
                {"title": name, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}
                for name, icon, model in items
            ],
        }
        for title, items in _GROUPS
    ]
