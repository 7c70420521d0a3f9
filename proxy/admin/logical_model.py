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
    fields = ("priority", "provider", "actual_model", "enabled", "context_window", "max_output_tokens", "drill")
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
        """A new mapping that was not dragged anywhere comes last."""
        rows = formset.save(commit=False)
        for gone in formset.deleted_objects:
            gone.delete()
        for row in rows:
            if not row.priority:
                last = form.instance.mappings.order_by("-priority").first()
                row.priority = (last.priority if last else 0) + 1
            row.save()
        formset.save_m2m()
