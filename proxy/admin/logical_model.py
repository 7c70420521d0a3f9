"""Logical models and their chains of mappings."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import BaseModelFormSet
from django.http import HttpRequest

from providers.unfolded import ConfigAdmin, TabularInline, display
from proxy.models import LogicalModel, ModelMapping


class MappingInline(TabularInline):
    """The chain of one logical model, first to last; drag to reorder."""

    model = ModelMapping
    extra = 0
    ordering_field = "priority"
    hide_ordering_field = True
    # The theme draws the handle in the first cell: the hidden priority must not be it.
    fields = ("provider", "actual_model", "enabled", "context_window", "max_output_tokens", "drill", "priority")
    verbose_name_plural = "Providers to try, in this order"


@admin.register(LogicalModel)
class LogicalModelAdmin(ConfigAdmin):
    """Logical models: the names clients may ask for."""

    list_display = ("name", "chain", "enabled", "description")
    list_filter = ("enabled",)
    search_fields = ("name", "description")
    inlines = (MappingInline,)
    list_before_template = "admin/empty/logical_model.html"
    fields = ("name", "description", "enabled")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogicalModel]:
        """Models with their chains."""
        found: QuerySet[LogicalModel] = super().get_queryset(request)
        return found.prefetch_related("mappings__provider")

    @display(description="Tries, in order")
    def chain(self, model: LogicalModel) -> str:
        """The chain as people read it."""
        return " → ".join(f"{m.provider}/{m.actual_model}" for m in model.mappings.all() if m.enabled) or "nothing yet"

    def save_formset(self, request: HttpRequest, form: Any, formset: BaseModelFormSet[Any, Any], change: bool) -> None:
        """The chain is numbered from 1 in the order on the page; a new mapping without a place comes last."""
        touched = formset.save(commit=False)
        for gone in formset.deleted_objects:
            gone.delete()
        new = [row.instance for row in formset.extra_forms if row.instance in touched]
        kept = [row.instance for row in formset.initial_forms if row not in formset.deleted_forms]
        # Dragging numbers the rows on the page from 0, new ones too; undragged, a new row holds the default, 0.
        placed = sorted((row for row in (*kept, *new) if row.pk or row.priority), key=lambda row: row.priority)
        unplaced = [row for row in new if not row.priority]
        for number, row in enumerate((*placed, *unplaced), start=1):
            if row in touched or row.priority != number:
                row.priority = number
                row.save()
        formset.save_m2m()
