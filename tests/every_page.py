"""Every page below /admin/: the names of their URLs, a row for each that is of one, and their addresses."""

import zlib

from django.contrib.auth.models import Group, User
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from ccmsite.roles import VIEWER
from providers.models import Credential, OAuthClient, Provider
from proxy.models import (
    ClientKey,
    Drill,
    HealthState,
    LogicalModel,
    ModelMapping,
    ModelPrice,
    RequestLog,
    RouterSettings,
    RoutingRule,
)

POSTED = {
    "admin:provider_test": "providers_provider", "admin:provider_models": "providers_provider",
    "admin:provider_reset": "providers_provider",
    "admin:proxy_drill_stop": "proxy_drill",
}  # fmt: skip
"""What is a button and no page, and the table whose row it is for."""
OF_A_ROW = POSTED | {
    "pages:sign-in": "providers_provider", "pages:account": "providers_credential",
    "pages:sign-out": "providers_credential", "pages:replay": "proxy_requestlog",
}  # fmt: skip
"""Buttons and pages of one row, and whose."""


def names():
    """The names of all URLs below /admin/."""

    def walk(patterns, space):
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, pattern.namespace or space)
            elif isinstance(pattern, URLPattern) and pattern.name and space:
                yield f"{space}:{pattern.name}"

    return sorted(set(walk(get_resolver().url_patterns, "")))


def make_rows():
    """A row of each table that has pages, by its name: app_model."""
    provider = Provider.objects.create(name="main", preset="echo")
    credential = Credential(provider=provider)
    credential.set_secret("sk-canary-0123456789")
    credential.save()
    account = Credential.objects.create(provider=provider, kind=Credential.OAUTH, label="account")
    client = OAuthClient.objects.create(flow="google", client_id="mine")
    model = LogicalModel.objects.create(name="daily")
    mapping = ModelMapping.objects.create(logical_model=model, priority=1, provider=provider, actual_model="m")
    key = ClientKey(name="laptop")
    key.issue()
    key.save()
    now = timezone.now()
    made = [
        provider, account, client, model, mapping, key, RouterSettings.objects.get_or_create()[0],
        RoutingRule.objects.create(name="images", has_image=True, logical_model=model),
        ModelPrice.objects.create(preset="openai", model="m", input=1, output=2),
        RequestLog.objects.create(time=now, request_id="req_1", outcome="ok", body=zlib.compress(b"{}")),
        HealthState.objects.create(
            provider="main", actual_model="m", kind="overloaded", until=now, since=now, failed_at=now, stamp=1
        ),
        Drill.objects.create(provider=provider, client_key=key, ends_at=now),
        User.objects.create_user("somebody"), Group.objects.get(name=VIEWER),
    ]  # fmt: skip
    return {f"{row._meta.app_label}_{row._meta.model_name}": row for row in made}


def address(name, rows):
    """A URL by its name, with a real row where it takes one."""
    short = name.partition(":")[2]
    if name in OF_A_ROW:
        return reverse(name, args=[rows[OF_A_ROW[name]].pk])
    for table, row in rows.items():
        if short.startswith(f"{table}_"):
            try:
                return reverse(name)
            except NoReverseMatch:
                version = [row.history.first().pk] if short.endswith("_simple_history") else []
                return reverse(name, args=[row.pk, *version])
    if short == "app_list":
        return reverse(name, kwargs={"app_label": "proxy"})
    return reverse(name)


NO_PAGES = {
    "admin:autocomplete", "admin:jsi18n", "admin:logout", "admin:toggle_sidebar", "admin:view_on_site",
    "admin:search", "pages:pattern", "pages:config_download", "admin:proxy_requestlog_body",
    "admin:proxy_requestlog_export_csv", "admin:proxy_requestlog_export_jsonl", *POSTED,
}  # fmt: skip
"""Files, buttons and what scripts ask for."""


def page_addresses(rows):
    """What a browser can open, by the URL's name."""
    return {name: address(name, rows) for name in names() if name not in NO_PAGES}
