"""Client keys: what a client shows us. Only a hash is kept; the key is shown once."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db import models
from django.utils import timezone
from simple_history.models import HistoricalRecords

from providers.validators import validate_name


def digest_of(key: str) -> str:
    """The SHA-256 of a key, hex. Keys are 32 random bytes: no slow hash is needed."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


class ClientKey(models.Model):
    """A key that lets a client in."""

    name = models.CharField(
        max_length=100, unique=True, validators=[validate_name], help_text="Whose key it is, or where it is used."
    )
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    previous_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    previous_until = models.DateTimeField(null=True, blank=True, editable=False)
    enabled = models.BooleanField(default=True, help_text="A disabled key is refused within a second.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords(excluded_fields=["digest", "previous_digest"])

    class Meta:
        ordering = ("name",)
        verbose_name = "client key"

    def __str__(self) -> str:
        return self.name

    def issue(self) -> str:
        """Give this row a fresh key and return it: the only time it is seen. The row is not saved."""
        self.prefix = secrets.token_hex(4)
        key = f"ccm_{self.prefix}_{secrets.token_urlsafe(32)}"
        self.digest = digest_of(key)
        return key

    def rotate(self, grace: timedelta) -> str:
        """A fresh key for the same row; the one of before opens for `grace` longer. The row is not saved.

        Of several old keys only the last one has its grace: what was rotated away earlier is refused at once.
        """
        self.previous_digest = self.digest if grace > timedelta(0) else ""
        self.previous_until = timezone.now() + grace if self.previous_digest else None
        return self.issue()
