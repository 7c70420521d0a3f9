"""A counter that moves with every change of configuration, so that all processes notice."""

from __future__ import annotations

from django.db import models


class ConfigRevision(models.Model):
    """The one row that other processes look at once a second."""

    number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"revision {self.number}"

    @classmethod
    def current(cls) -> int:
        """The number now; 0 before the first change."""
        return cls.objects.filter(pk=1).values_list("number", flat=True).first() or 0

    @classmethod
    def advance(cls) -> None:
        """Count one change; meant to run inside the transaction that makes it."""
        if not cls.objects.filter(pk=1).update(number=models.F("number") + 1):
            cls.objects.get_or_create(pk=1, defaults={"number": 1})
