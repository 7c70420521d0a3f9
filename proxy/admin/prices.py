"""What models cost: synced rows, and what people make of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from providers.models import Provider
from providers.presets import PRESETS
from providers.unfolded import ConfigAdmin, display
from proxy.models import ModelPrice
from proxy.models.price import EDITED, PRICES, SYNCED

_COLOURS = {SYNCED: "info", EDITED: "warning"}


class ByVendor(admin.SimpleListFilter):
    """Prices of one vendor, of those that there are providers of."""

    title = "vendor"
    parameter_name = "preset"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The vendors in use."""
        used = set(Provider.objects.values_list("preset", flat=True))
        return [(name, preset.label) for name, preset in PRESETS.items() if name in used]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ModelPrice]) -> QuerySet[ModelPrice]:
        """Rows of the chosen vendor."""
        return queryset.filter(preset=self.value()) if self.value() else queryset


@admin.register(ModelPrice)
class ModelPriceAdmin(ConfigAdmin):
    """Prices in USD per million tokens. What is edited here is never overwritten by a sync."""

    list_display = (
        "shown_model",
        "whose",
        "from_tokens",
        "shown_in",
        "shown_out",
        "shown_read",
        "shown_write",
        "origin",
    )
    list_filter = (ByVendor, "source")
    search_fields = ("model", "provider__name")
    search_help_text = "A part of a model's or a provider's name."
    list_per_page = 100
    list_select_related = ("provider",)
    actions = ("reset_to_synced",)
    list_before_template = "admin/empty/model_price.html"
    readonly_fields = ("told_source", "synced_prices", "updated_at")
    fieldsets = (
        (None, {"fields": ("preset", "provider", "model", "from_tokens")}),
        (
            "USD per million tokens",
            {"fields": ("input", "output", "cache_read", "cache_write", "cache_write_1h", "searches")},
        ),
        ("Where it comes from", {"fields": ("told_source", "synced_prices", "updated_at")}),
    )

    def save_model(self, request: HttpRequest, obj: ModelPrice, form: Any, change: bool) -> None:
        """What was changed by hand is told apart from then on."""
        if not change or set(form.changed_data) & {*PRICES, "model", "preset", "provider", "from_tokens"}:
            obj.source = EDITED
        super().save_model(request, obj, form, change)

    @admin.action(description="Reset to synced", permissions=["change"])
    def reset_to_synced(self, request: HttpRequest, chosen: QuerySet[ModelPrice]) -> None:
        """Give rows back the prices that the last sync told; rows that no sync knows stay."""
        done = left = 0
        for row in chosen.filter(source=EDITED):
            if row.synced is None:
                left += 1
                continue
            row.take(row.synced)
            row.save()
            done += 1
        if done:
            self.message_user(request, f"{done} price{'' if done == 1 else 's'} reset.", messages.SUCCESS)
        if left:
            words = f"{left} of them no sync knows: delete what is not needed any more."
            self.message_user(request, words, messages.WARNING)
        if not done and not left:
            self.message_user(request, "They are as the last sync told them.", messages.INFO)

    @display(description="Model", ordering="model")
    def shown_model(self, row: ModelPrice) -> str:
        """The name, or how names begin."""
        return row.model

    @display(description="Whose", ordering="preset")
    def whose(self, row: ModelPrice) -> str:
        """The vendor, or the one provider."""
        if row.provider is not None:
            return f"{row.provider} only"
        return PRESETS[row.preset].label if row.preset in PRESETS else row.preset

    @display(description="In", ordering="input")
    def shown_in(self, row: ModelPrice) -> str:
        """USD per million tokens in."""
        return shown(row.input)

    @display(description="Out", ordering="output")
    def shown_out(self, row: ModelPrice) -> str:
        """USD per million tokens out."""
        return shown(row.output)

    @display(description="Cache read", ordering="cache_read")
    def shown_read(self, row: ModelPrice) -> str:
        """USD per million tokens that the cache read."""
        return shown(row.cache_read)

    @display(description="Cache write", ordering="cache_write")
    def shown_write(self, row: ModelPrice) -> str:
        """USD per million tokens that the cache wrote."""
        return shown(row.cache_write)

    @display(description="Source", ordering="source", label=_COLOURS)
    def origin(self, row: ModelPrice) -> tuple[str, str]:
        """Whether a sync wrote it or somebody."""
        return row.source, row.get_source_display()

    @display(description="Source")
    def told_source(self, row: ModelPrice) -> str:
        """The same on the page of one price, where the theme knows no badges."""
        return row.get_source_display()

    @display(description="As last synced")
    def synced_prices(self, row: ModelPrice) -> str:
        """What “Reset to synced” would bring back."""
        if not row.synced:
            return "no sync knows this row"
        return " / ".join(f"{name.replace('_', ' ')} {row.synced[name]}" for name in PRICES if row.synced.get(name))


def shown(price: Decimal | None) -> str:
    """A price without zeros that say nothing."""
    return "-" if price is None else f"{price.normalize():f}"
