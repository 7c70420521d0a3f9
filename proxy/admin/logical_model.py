"""Logical models and their chains of mappings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.forms import BaseModelFormSet
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from providers.unfolded import CheckboxWidget, ConfigAdmin, StackedInline, display
from proxy.admin import known
from proxy.admin.chain import chain
from proxy.admin.in_use import uses_of_models
from proxy.admin.model_choices import choices_id, model_choices
from proxy.health_words import Held
from proxy.models import LogicalModel, ModelMapping
from proxy.pricing import PriceBook


class MappingForm(forms.ModelForm):  # type: ignore[type-arg]
    """A mapping that can share the place of the one above it, and whose model is chosen among its provider's.

    Rows are dragged, so that equal numbers need a mark. Before a row has a provider, the models of all are offered.
    What is known of its model stands in the fields that are empty.
    """

    book: ClassVar[PriceBook] = PriceBook()

    shares = forms.BooleanField(
        required=False,
        label="Shares",
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
            for name, told in known.placeholders(row.provider, row.actual_model, self.book).items():
                if name in self.fields:
                    self.fields[name].widget.attrs["placeholder"] = told
            beside = ModelMapping.objects.filter(logical_model=row.logical_model_id, priority=row.priority)
            self.initial["shares"] = beside.filter(pk__lt=row.pk).exists()

    def clean_weight(self) -> int:
        """A weight left empty is the usual one."""
        return self.cleaned_data["weight"] or 1


class MappingInline(StackedInline):
    """The chain of one logical model, first to last; drag to reorder. What is rarely set is folded away."""

    model = ModelMapping
    form = MappingForm
    extra = 0
    ordering_field = "priority"
    hide_ordering_field = True
    fieldsets = (
        (None, {"fields": (("provider", "actual_model"), ("enabled", "shares", "weight"), "priority")}),
        (
            "Limits, price, waits and drill",
            {
                "classes": ("collapse",),
                "fields": (
                    ("context_window", "max_output_tokens", "price"),
                    ("connect_timeout_s", "first_content_timeout_s", "idle_timeout_s", "total_timeout_s"),
                    ("drill",),
                ),
            },
        ),
    )
    verbose_name_plural = "Providers to try, in this order"

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        """A row to begin with where there is none; left as it is, it is not stored."""
        return 0 if obj is not None and obj.mappings.exists() else 1

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """The forms of the chain; they know the prices of the day."""
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.book = known.prices()
        return formset


@admin.register(LogicalModel)
class LogicalModelAdmin(ConfigAdmin):
    """Logical models: the names clients may ask for."""

    list_display = ("name", "enabled", "description")
    list_filter = ("enabled", "mappings__provider")
    search_fields = ("name", "description")
    inlines = (MappingInline,)
    change_form_before_template = "admin/logical_model_chain.html"
    change_form_after_template = "admin/model_choices.html"
    list_before_template = "admin/empty/logical_model.html"
    fields = ("name", "description", "enabled")

    class Media:
        js = (Script("proxy/mappings.js", defer=True),)

    def get_list_display(self, request: HttpRequest) -> list[str | Callable[[LogicalModel], str]]:
        """The columns; the chain is read with the health of this moment."""
        held, linked = Held(), request.user.has_perm("providers.view_provider")

        @display(description="Tries, in order")
        def tries(model: LogicalModel) -> str:
            return chain(model.mappings.all(), held, linked)

        return ["name", tries, "enabled", "description"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogicalModel]:
        """Models with their chains."""
        found: QuerySet[LogicalModel] = super().get_queryset(request)
        return found.prefetch_related("mappings__provider")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What a deletion takes with it; routes and rules that lead to a model stand in its way."""
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        uses = uses_of_models(objs)
        return deleted, counts, set() if uses else lacking, uses or protected

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page of one model, with its chain as it is now and the names its mappings can be chosen from."""
        context["model_choices"] = model_choices()
        if (model := context.get("original")) is not None:
            rows = model.mappings.select_related("provider")
            context["chain"] = chain(rows, Held(), request.user.has_perm("providers.view_provider"))
            context["places"] = _places(request, model)
        page: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return page

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


def _places(request: HttpRequest, model: LogicalModel) -> list[tuple[str, str]]:
    """Where this model can be tried, by whoever asks: words and address."""
    offered = (
        ("Try in the console", "console", "proxy.use_console"),
        ("Preview a request", "preview", "proxy.view_logicalmodel"),
    )
    found = []
    for words, page, permission in offered:
        if request.user.has_perm(permission):
            found.append((words, f"{reverse(f'pages:{page}')}?{urlencode({'model': model.name})}"))
    return found
