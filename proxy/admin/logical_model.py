"""Logical models and their chains of mappings."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.forms import BaseModelFormSet
from django.http import HttpRequest, HttpResponse

from providers.unfolded import CheckboxWidget, ConfigAdmin, TabularInline, display
from proxy.admin.model_choices import choices_id, model_choices
from proxy.models import LogicalModel, ModelMapping


class MappingForm(forms.ModelForm):  # type: ignore[type-arg]
    """A mapping that can share the place of the one above it, and whose model is chosen among its provider's.

    Rows are dragged, so that equal numbers need a mark. Before a row has a provider, the models of all are offered.
    """

    shares = forms.BooleanField(
        required=False,
        label="shares",
        widget=CheckboxWidget(),
        help_text="Shares the traffic with the row above, by weight, instead of waiting for it to fail.",
    )

    class Meta:
        model = ModelMapping
        fields = (
            "provider", "actual_model", "weight", "enabled", "context_window", "max_output_tokens",
            "connect_timeout_s", "first_content_timeout_s", "idle_timeout_s", "total_timeout_s", "price", "drill",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "actual_model" in self.fields:  # who may only look at the page gets text instead
            self.fields["actual_model"].widget.attrs["list"] = choices_id(self.instance.provider_id)
        if "weight" in self.fields:
            self.fields["weight"].required = False
        row = self.instance
        if row.pk:
            beside = ModelMapping.objects.filter(logical_model=row.logical_model_id, priority=row.priority)
            self.initial["shares"] = beside.filter(pk__lt=row.pk).exists()

    def clean_weight(self) -> int:
        """A weight left empty is the usual one."""
        return self.cleaned_data["weight"] or 1


class MappingInline(TabularInline):
    """The chain of one logical model, first to last; drag to reorder."""

    model = ModelMapping
    form = MappingForm
    extra = 0
    ordering_field = "priority"
    hide_ordering_field = True
    # The theme draws the handle in the first cell: the hidden priority must not be it.
    fields = (
        "provider", "actual_model", "shares", "weight", "enabled", "context_window", "max_output_tokens",
        "connect_timeout_s", "first_content_timeout_s", "idle_timeout_s", "total_timeout_s", "price", "drill",
        "priority",
    )  # fmt: skip
    verbose_name_plural = "Providers to try, in this order"


@admin.register(LogicalModel)
class LogicalModelAdmin(ConfigAdmin):
    """Logical models: the names clients may ask for."""

    list_display = ("name", "chain", "enabled", "description")
    list_filter = ("enabled", "mappings__provider")
    search_fields = ("name", "description")
    inlines = (MappingInline,)
    change_form_before_template = "admin/try_model.html"
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
        """The chain as people read it; those that share a place are joined by a plus sign."""
        rows = [row for row in model.mappings.all() if row.enabled]
        places = [
            " + ".join(f"{row.provider}/{row.actual_model}" for row in place)
            for _, place in groupby(rows, key=lambda row: row.priority)
        ]
        return " → ".join(places) or "nothing yet"

    def save_formset(self, request: HttpRequest, form: Any, formset: BaseModelFormSet[Any, Any], change: bool) -> None:
        """The chain is numbered from 1 in the order on the page; a new mapping without a place comes last."""
        touched = formset.save(commit=False)
        for gone in formset.deleted_objects:
            gone.delete()
        new = [form for form in formset.extra_forms if form.instance in touched]
        kept = [form for form in formset.initial_forms if form not in formset.deleted_forms]
        # Dragging numbers the rows on the page from 0, new ones too; undragged, a new row holds the default, 0.
        placed = [form for form in (*kept, *new) if form.instance.pk or form.instance.priority]
        placed.sort(key=lambda form: form.instance.priority)
        unplaced = [form for form in new if not form.instance.priority]
        number = 0
        for row_form in (*placed, *unplaced):
            row = row_form.instance
            if not number or not row_form.cleaned_data["shares"]:
                number += 1
            if row in touched or row.priority != number:
                row.priority = number
                row.save()
        formset.save_m2m()
