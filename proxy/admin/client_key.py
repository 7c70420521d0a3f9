"""Client keys: shown once, when they are made."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.html import format_html

from providers.unfolded import ConfigAdmin, display
from proxy.models import ClientKey


@admin.register(ClientKey)
class ClientKeyAdmin(ConfigAdmin):
    """Keys that let clients in."""

    list_display = ("name", "shown_prefix", "enabled", "expires_at", "created_at")
    list_filter = ("enabled",)
    search_fields = ("name", "prefix")
    list_before_template = "admin/empty/client_key.html"
    fields = ("name", "enabled", "expires_at")

    @display(description="Key")
    def shown_prefix(self, key: ClientKey) -> str:
        """The part of a key that tells it from others."""
        return f"ccm_{key.prefix}_…"

    def save_model(self, request: HttpRequest, obj: ClientKey, form: Any, change: bool) -> None:
        """A new row gets its key, which is told here and nowhere else."""
        key = "" if change else obj.issue()
        super().save_model(request, obj, form, change)
        if key:
            address = request.build_absolute_uri("/").rstrip("/")
            text = (
                "This key is shown once. For Claude Code: "
                "<br><code>export ANTHROPIC_BASE_URL={}</code><br><code>export ANTHROPIC_AUTH_TOKEN={}</code>"
            )
            messages.success(request, format_html(text, address, key))
