"""Router settings (one row) and routing rules."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from providers.unfolded import display
from proxy.admin.pattern_fields import MODEL_NAME, PatternAdmin
from proxy.models import RouterSettings, RoutingRule


@admin.register(RouterSettings)
class RouterSettingsAdmin(PatternAdmin):
    """The one row of router settings."""

    patterns: ClassVar = {"auto_map_regex": MODEL_NAME, "background_regex": MODEL_NAME}

    fieldsets = (
        ("Routes", {"classes": ("tab",), "fields": ("default", "background", "think", "websearch")}),
        (
            "Detection",
            {
                "classes": ("tab",),
                "fields": ("auto_map_regex", "auto_map_known", "background_regex", "think_min_effort"),
            },
        ),
        (
            "Deadlines",
            {
                "classes": ("tab",),
                "fields": (
                    "connect_timeout_s",
                    "first_content_timeout_s",
                    "adaptive_first_content",
                    "idle_timeout_s",
                    "total_timeout_s",
                ),
            },
        ),
        (
            "Broken streams",
            {"classes": ("tab",), "fields": ("continue_streams", "mid_stream_failure", "hold_thinking_s")},
        ),
        ("Token counts", {"classes": ("tab",), "fields": ("scale_counts",)}),
        (
            "History",
            {"classes": ("tab",), "fields": ("capture_bodies", "capture_max_kb", "retention_days", "rollup_days")},
        ),
    )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, str] | None = None) -> HttpResponse:
        """There is one row: go there."""
        row = RouterSettings.load()
        return HttpResponseRedirect(reverse("admin:proxy_routersettings_change", args=(row.pk,)))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The row is there already."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """The row stays."""
        return False


@admin.register(RoutingRule)
class RoutingRuleAdmin(PatternAdmin):
    """Ordered rules; the first that matches wins."""

    patterns: ClassVar = {
        "model_regex": MODEL_NAME,
        "prompt_regex": "what starts a turn",
        "header_regex": "the header's value",
    }

    # Dragging numbers the rows on the page: it must hold all of them, in their order. Hence no filter.
    list_display = ("name", "conditions", "logical_model", "enabled", "order")
    list_per_page = 1000
    sortable_by = ("order",)
    ordering_field = "order"
    hide_ordering_field = True
    list_before_template = "admin/empty/routing_rule.html"
    fieldsets = (
        (None, {"fields": ("name", "enabled", "logical_model")}),
        ("What the client asked for", {"fields": ("model_regex", "request_kind")}),
        ("What the request holds", {"fields": ("prompt_regex", "has_image", "min_input_tokens")}),
        ("A header", {"fields": ("header_name", "header_equals", "header_regex")}),
    )

    def save_model(self, request: HttpRequest, obj: RoutingRule, form: Any, change: bool) -> None:
        """A new rule comes last."""
        if not change:
            last = RoutingRule.objects.aggregate(last=Max("order"))["last"]
            obj.order = 0 if last is None else last + 1
        super().save_model(request, obj, form, change)

    @display(description="When")
    def conditions(self, rule: RoutingRule) -> str:
        """The conditions in words."""
        images = {True: "has an image", False: "has no image", None: ""}[rule.has_image]
        found = (
            rule.model_regex and f"model ~ {rule.model_regex}",
            rule.prompt_regex and f"prompt ~ {rule.prompt_regex}",
            images,
            rule.min_input_tokens and f"≥ {rule.min_input_tokens} tokens",
            rule.header_name and f"header {rule.header_name}",
            rule.get_request_kind_display() if rule.request_kind else "",
        )
        return " and ".join(str(condition) for condition in found if condition)
