"""Logical models and their chains of mappings."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.forms import BaseModelFormSet
from django.http import HttpRequest, HttpResponse

from providers.unfolded import ConfigAdmin, TabularInline, display
from proxy.admin.model_choices import choices_id, model_choices
from proxy.models import LogicalModel, ModelMapping


class MappingForm(forms.ModelForm):  # type: ignore[type-arg]
    """A mapping whose actual model can be chosen among those of its provider, or of all before it has one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "actual_model" in self.fields:  # who may only look at the page gets text instead
            self.fields["actual_model"].widget.attrs["list"] = choices_id(self.instance.provider_id)


class MappingInline(TabularInline):
    """The chain of one logical model, first to last; drag to reorder."""

    model = ModelMapping
    form = MappingForm
    extra = 0
    ordering_field = "priority"
    hide_ordering_field = True
    # The theme draws the handle in the first cell: the hidden priority must not be it.
    fields = (
        "provider", "actual_model", "enabled", "context_window", "max_output_tokens", "first_content_timeout_s",
        "idle_timeout_s", "drill", "priority",
    )  # fmt: skip
    verbose_name_plural = "Providers to try, in this order"


@admin.register(LogicalModel)
class LogicalModelAdmin(ConfigAdmin):
    """Logical models: the names clients may ask for."""

    list_display = ("name", "chain", "enabled", "description")
    list_filter = ("enabled",)
    search_fields = ("name", "description")
    inlines = (MappingInline,)
    change_form_after_template = "admin/model_choices.html"
    list_before_template = "admin/empty/logical_model.html"
    fields = ("name", "description", "enabled")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogicalModel]:
        """Models with their chains."""
        found: QuerySet[LogicalModel] = super().get_queryset(request)
        return found.prefetch_related("mappings__provider")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page of one model, with the names its mappings can be chosen from."""
        context["model_choices"] = model_choices()
        page: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return page

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
