"""Who is cooling, why and until when; a reset forgives at once."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from providers.errors import in_words
from providers.unfolded import PageAdmin, display
from proxy.admin.history import ReadOnly
from proxy.health_words import URGENT, cooling_told, subject_told, until_told
from proxy.models import HealthState


@admin.register(HealthState)
class HealthStateAdmin(ReadOnly, PageAdmin):
    """What is held against models and keys of providers: read-only, but for the reset."""

    list_display = ("provider", "what", "shown_kind", "words", "cooling", "streak", "begun")
    list_display_links = None
    list_filter = ("kind",)
    search_fields = ("provider", "actual_model")
    list_fullwidth = True
    list_before_template = "admin/empty/health_state.html"
    actions = ("reset",)

    def has_reset_permission(self, request: HttpRequest) -> bool:
        """Who may delete health may reset it."""
        return request.user.has_perm("proxy.delete_healthstate")

    @admin.action(description="Reset", permissions=["reset"])
    def reset(self, request: HttpRequest, queryset: QuerySet[HealthState]) -> None:
        """Forgive the chosen rows."""
        count, _ = queryset.delete()
        words = f"Reset: {count} cooldown{'' if count == 1 else 's'} forgotten. All processes know within seconds."
        self.message_user(request, words, messages.SUCCESS)

    @display(description="Model or key")
    def what(self, row: HealthState) -> str:
        """The actual model, the key by its last characters, or one with the other."""
        return subject_told(row)

    @display(description="Failure", ordering="kind", label={"urgent": "danger", "passing": "warning"})
    def shown_kind(self, row: HealthState) -> tuple[str, str]:
        """The kind of the last failure as a badge, red where somebody has to do something about it."""
        return "urgent" if row.kind in URGENT else "passing", in_words(row.kind)

    @display(description="Cooling until", ordering="until")
    def cooling(self, row: HealthState) -> str:
        """The time, or that the next request tries it."""
        return cooling_told(row)

    @display(description="Since", ordering="since")
    def begun(self, row: HealthState) -> str:
        """When it began, by the clock where that is today."""
        return format_html('<span class="whitespace-nowrap">{}</span>', until_told(row.since))
