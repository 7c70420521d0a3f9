"""What is held against providers' models and keys, so that it outlives a process and all processes know it."""

from __future__ import annotations

from django.db import models


class HealthState(models.Model):
    """A model or a key of a provider that has failed. Written by `proxy.health_store`; deleted to forgive."""

    provider = models.CharField(max_length=100)
    actual_model = models.CharField(max_length=200, blank=True)
    credential_id = models.PositiveBigIntegerField("key", default=0)
    kind = models.CharField("failure", max_length=20)
    words = models.CharField("the upstream's words", max_length=500, blank=True)
    streak = models.PositiveIntegerField("failures in a row", default=1)
    since = models.DateTimeField()
    failed_at = models.DateTimeField("last failure")
    until = models.DateTimeField("cooling until")
    probe_until = models.DateTimeField(null=True)
    stamp = models.BigIntegerField()

    class Meta:
        ordering = ("provider", "actual_model", "credential_id")
        verbose_name = "health"
        verbose_name_plural = "health"
        constraints = (
            models.UniqueConstraint(fields=("provider", "actual_model", "credential_id"), name="healthstate_subject"),
        )

    def __str__(self) -> str:
        return f"{self.provider}/{self.actual_model}" if self.actual_model else f"{self.provider}: key"
