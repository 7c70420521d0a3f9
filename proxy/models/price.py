"""What models cost: rows that a sync writes and people correct."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from providers.models import Provider, preset_choices
from providers.validators import validate_name
from proxy.pricing import MAX_PRICE, Price

SYNCED, EDITED = "synced", "edited"
PRICES = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "searches")


def _price(name: str, help_text: str, optional: bool = True) -> Any:
    return models.DecimalField(
        name, max_digits=14, decimal_places=8, null=optional, blank=optional, help_text=help_text,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(MAX_PRICE)],
    )  # fmt: skip


class ModelPrice(models.Model):
    """The price of a model at a vendor, or at one provider. USD per million tokens."""

    preset = models.CharField(
        "vendor", max_length=40, blank=True, choices=preset_choices,
        help_text="Holds for every provider of this vendor. Empty: for the provider below alone.",
    )  # fmt: skip
    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, null=True, blank=True, related_name="prices",
        help_text="Holds for this provider alone, before its vendor's prices.",
    )  # fmt: skip
    model = models.CharField(
        max_length=200, validators=[validate_name],
        help_text="The actual model's name. With <code>*</code> at the end: every name that begins so.",
    )  # fmt: skip
    from_tokens = models.PositiveIntegerField(
        "prompts of more than", default=0,
        help_text="Tokens, cache included. A further row of the same model with a number here is for longer prompts.",
    )  # fmt: skip
    input = _price("input", "Tokens of the prompt that no cache read or wrote.", optional=False)
    output = _price("output", "Tokens of the answer, thinking included.", optional=False)
    cache_read = _price("cache read", "Empty: as input.")
    cache_write = _price("cache write", "Kept for five minutes. Empty: as input.")
    cache_write_1h = _price("cache write, 1 h", "Kept for an hour. Empty: as the other cache write.")
    searches = _price("web searches", "USD per 1,000 searches. Empty: not billed.")
    source = models.CharField(
        max_length=10, choices=((SYNCED, "synced"), (EDITED, "edited")), default=EDITED, editable=False
    )
    synced = models.JSONField(null=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    history = HistoricalRecords(excluded_fields=["synced", "updated_at"])

    class Meta:
        ordering = ("preset", "provider", "model", "from_tokens")
        verbose_name = "price"
        constraints = (
            models.UniqueConstraint(
                fields=["preset", "model", "from_tokens"], condition=Q(provider=None), name="price_of_vendor",
                violation_error_message="This vendor's price of this model is in the list already.",
            ),
            models.UniqueConstraint(
                fields=["provider", "model", "from_tokens"], condition=Q(provider__isnull=False),
                name="price_of_provider",
                violation_error_message="This provider's price of this model is in the list already.",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return self.model

    def clean(self) -> None:
        """A price belongs to a vendor or to a provider, and reading a cache is never dearer than reading anew."""
        problems: dict[str, str] = {}
        if bool(self.preset) == bool(self.provider_id):
            problems["preset"] = "Choose a vendor or a provider, and not both."
        if self.cache_read is not None and self.input is not None and self.cache_read > self.input:
            problems["cache_read"] = "Reading from the cache costs more than reading anew: that is not likely."
        if problems:
            raise ValidationError(problems)

    @property
    def price(self) -> Price:
        """The row's prices."""
        return Price(**{name: getattr(self, name) for name in PRICES})

    def take(self, told: Mapping[str, str | None]) -> None:
        """Take over prices as a sync told them; saves nothing."""
        for name in PRICES:
            value = told.get(name)
            setattr(self, name, None if value is None else Decimal(value))
        self.source = SYNCED
