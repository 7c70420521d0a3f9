"""Logical models, the names clients may ask for, and their mappings to providers."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from providers.addresses import model_problem
from providers.models import Provider, optional_seconds
from providers.validators import validate_name
from proxy.models.validators import validate_drill, validate_price


class LogicalModel(models.Model):
    """A name clients may ask for, served by the first of its mappings that answers."""

    name = models.CharField(
        max_length=200, unique=True, validators=[validate_name],
        help_text="What a client writes as <code>model</code>, and what routes point to.",
    )  # fmt: skip
    description = models.CharField(max_length=200, blank=True, help_text="Shown in lists; optional.")
    enabled = models.BooleanField(default=True, help_text="A disabled model is unknown to clients and routes.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    history = HistoricalRecords(excluded_fields=["updated_at"])

    class Meta:
        ordering = ("name",)
        verbose_name = "logical model"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Names are looked up without regard to case when no exact one exists: two that differ only there clash."""
        clash = LogicalModel.objects.filter(name__iexact=self.name).exclude(pk=self.pk).first()
        if clash is not None and clash.name != self.name:
            raise ValidationError({"name": f"“{clash.name}” exists already; names must differ in more than case."})


class ModelMapping(models.Model):
    """Logical model → provider and actual model; the lowest priority number is tried first."""

    logical_model = models.ForeignKey(LogicalModel, on_delete=models.CASCADE, related_name="mappings")
    priority = models.PositiveIntegerField(default=0, help_text="1 is tried first. Drag the rows to change it.")
    weight = models.PositiveIntegerField(
        default=1, validators=[MinValueValidator(1)],
        help_text="This row's share of the traffic among those of the same priority: 3 beside 1 gets three quarters.",
    )  # fmt: skip
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="mappings")
    actual_model = models.CharField(
        max_length=200, help_text="The model's name at the provider, sent exactly as written."
    )
    enabled = models.BooleanField(default=True)
    context_window = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)],
        help_text="Tokens the model takes. With it, a prompt too long for one target goes only to a larger one.",
    )  # fmt: skip
    max_output_tokens = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)],
        help_text="Most tokens the model may write; requests that ask for more are clamped to it.",
    )  # fmt: skip
    connect_timeout_s = optional_seconds("connect (s)", "Seconds to reach this target. Empty: as its provider says.")
    first_content_timeout_s = optional_seconds(
        "first content (s)", "Seconds until this target's first content. Empty: as its provider says."
    )
    idle_timeout_s = optional_seconds(
        "idle (s)", "Seconds of silence between events of this target's answer. Empty: as its provider says."
    )
    total_timeout_s = optional_seconds(
        "whole answer (s)",
        "Seconds for this target's whole answer; one above the router's total lengthens the request's. "
        "Empty: as the router settings say.",
    )
    price = models.CharField(
        max_length=100, blank=True, validators=[validate_price],
        help_text="USD per million tokens: <code>3 / 15 / 0.3 / 3.75</code> for input, output, cache read, cache write "
        "(the last two optional). Empty: as the list of prices says.",
    )  # fmt: skip
    drill = models.CharField(
        max_length=20, blank=True, validators=[validate_drill],
        help_text="Echo only, fail on purpose: <code>status:529</code>, <code>hang</code>, <code>cut:40</code>.",
    )  # fmt: skip
    history = HistoricalRecords()

    class Meta:
        ordering = ("priority", "pk")
        verbose_name = "mapping"

    def __str__(self) -> str:
        return f"{self.provider} → {self.actual_model}"

    def clean(self) -> None:
        """The provider can address the model; drills are for the provider that has no account to harm."""
        problems = {}
        preset = self.provider.preset_row if self.provider_id else None
        if self.actual_model and (problem := model_problem(preset, self.actual_model)):
            problems["actual_model"] = problem
        if self.drill and self.provider_id and self.provider.preset != "echo":
            problems["drill"] = "Only mappings to an echo provider can be told to fail."
        if problems:
            raise ValidationError(problems)
