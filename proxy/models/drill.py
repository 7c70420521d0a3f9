"""Drills: a provider fails on purpose for one client key, for a while, so that failover is seen to work."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone

from providers.models import Provider
from proxy.models.client_key import ClientKey
from proxy.models.logical_model import LogicalModel

MAX_MINUTES = 60
MAX_CUT = 100_000

FAULTS = (
    ("529", "529: overloaded"),
    ("429", "429: rate limited"),
    ("hang", "hang: no answer until the timeout"),
    ("cut", "cut: the answer breaks off"),
    ("refused", "refused connection"),
)


class Drill(models.Model):
    """One drill. It ends by itself; the rows of the attempts it broke name it, and its report is made of them."""

    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, related_name="drills", help_text="Who fails. Nobody else does."
    )
    # Not SET_NULL: a drill whose key is deleted must not become one for all requests without a key.
    client_key = models.ForeignKey(
        ClientKey, on_delete=models.CASCADE, null=True, blank=True, related_name="drills",
        help_text="Whose requests are broken. Empty: those that show no client key of ours.",
    )  # fmt: skip
    fault = models.CharField(max_length=10, choices=FAULTS, default="529")
    cut_after = models.PositiveIntegerField(
        "cut after (characters)", default=200, validators=[MaxValueValidator(MAX_CUT)],
        help_text="For a cut only: so much text of the answer comes through. The provider is really called and paid.",
    )  # fmt: skip
    started_at = models.DateTimeField("started", default=timezone.now, editable=False)
    ends_at = models.DateTimeField("ends", editable=False)
    stopped_at = models.DateTimeField("stopped", null=True, blank=True, editable=False)
    started_by = models.CharField(max_length=150, blank=True, editable=False)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"drill {self.pk}: {self.told_fault} at {self.provider} for {self.told_key}"

    def clean(self) -> None:
        """An hour at most; and two drills of the same provider and key at once would hide each other."""
        if self.ends_at is not None and self.ends_at - self.started_at > timedelta(minutes=MAX_MINUTES):
            raise ValidationError(f"A drill lasts {MAX_MINUTES} minutes at most.")
        if not self.provider_id:
            return
        clash = Drill.running().filter(provider=self.provider_id, client_key=self.client_key_id).exclude(pk=self.pk)
        if (other := clash.first()) is not None:
            raise ValidationError(f"Drill {other.pk} of this provider and key still runs: stop it first.")

    @classmethod
    def running(cls) -> models.QuerySet[Drill]:
        """Those that break requests now."""
        return cls.objects.filter(stopped_at=None, ends_at__gt=timezone.now())

    @property
    def ended_at(self) -> datetime:
        """When it ended or will end."""
        return min(self.stopped_at or self.ends_at, self.ends_at)

    @property
    def runs(self) -> bool:
        """True while it breaks requests."""
        return self.stopped_at is None and self.ends_at > timezone.now()

    @property
    def state(self) -> str:
        """running, stopped or over."""
        return "running" if self.runs else "stopped" if self.stopped_at else "over"

    @property
    def told_key(self) -> str:
        """Whose requests, in words."""
        return self.client_key.name if self.client_key else "requests without a key"

    @property
    def told_fault(self) -> str:
        """The fault in a word or two."""
        return f"cut after {self.cut_after} characters" if self.fault == "cut" else str(self.fault)

    def run_for(self, length: timedelta) -> None:
        """Let it begin now and end after so long. The row is not saved."""
        self.started_at = timezone.now()
        self.ends_at = self.started_at + length

    def stop(self) -> None:
        """End it now, if it runs."""
        if self.runs:
            self.stopped_at = timezone.now()
            self.save(update_fields=["stopped_at"])


def left_alone(provider: Provider) -> list[str]:
    """The logical models that nobody else serves: their requests fail while the provider does."""
    found = []
    for model in LogicalModel.objects.filter(enabled=True).prefetch_related("mappings__provider"):
        serving = {row.provider_id for row in model.mappings.all() if row.enabled and row.provider.enabled}
        if serving == {provider.pk}:
            found.append(model.name)
    return found


def warning(provider: Provider) -> str:
    """What a drill of this provider would cost, in a sentence; empty when others take over everywhere."""
    alone = left_alone(provider)
    if not alone:
        return ""
    names = ", ".join(alone)
    return f"{provider.name} alone serves {names}: requests will fail, nobody takes over."
