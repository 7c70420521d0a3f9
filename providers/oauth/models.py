"""The tables of signing in: an account's tokens, sign-ins under way, and other OAuth clients than the vendors' own.

None of them keeps a history: tokens come and go by themselves. That somebody signed in is told by the
history of the credential.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords

from providers import vault
from providers.oauth.flows import FLOWS, Flow


def flow_choices() -> list[tuple[str, str]]:
    """The flows for a form."""
    return [(flow.name, flow.label) for flow in FLOWS.values()]


class OAuthToken(models.Model):
    """The tokens of one credential, sealed, and who is renewing them at the moment.

    `version` counts every change of the tokens. Whoever renews them takes the lease for the version it has
    seen, and saves only over that version: see `providers/oauth/lease.py`.
    """

    ACTIVE, NEEDS_SIGN_IN = "active", "needs_sign_in"
    STATES = ((ACTIVE, "signed in"), (NEEDS_SIGN_IN, "needs signing in"))

    credential = models.OneToOneField("providers.Credential", on_delete=models.CASCADE, related_name="oauth")
    flow = models.CharField(max_length=40, choices=flow_choices)
    state = models.CharField(max_length=20, choices=STATES, default=NEEDS_SIGN_IN)
    access = models.TextField(blank=True, editable=False)
    refresh = models.TextField(blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    lifetime_s = models.FloatField("lifetime (s)", default=0.0)
    scopes = models.TextField(blank=True)
    account_label = models.CharField("account", max_length=200, blank=True)
    account_id = models.CharField("account ID", max_length=200, blank=True)
    project = models.CharField(max_length=200, blank=True)
    version = models.PositiveBigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_owner = models.CharField(max_length=64, blank=True)
    refresh_started_at = models.DateTimeField(null=True, blank=True)
    signed_in_at = models.DateTimeField(null=True, blank=True)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField("failures in a row", default=0)

    class Meta:
        verbose_name = "sign-in"

    def __str__(self) -> str:
        return self.account_label or self.flow

    @property
    def flow_row(self) -> Flow | None:
        """The flow's row, or None when the table no longer has it."""
        return FLOWS.get(self.flow)

    def place(self, field: str) -> str:
        """What a sealed token is bound to: its field, its credential and the provider it may travel to."""
        return f"oauth:{field}:{self.credential.provider_id}:{self.credential.binding}"

    def sealed(self, access: str, refresh: str) -> dict[str, str]:
        """The two fields that hold these tokens; an empty one stays empty. Raises vault.VaultError."""
        given = {"access": access, "refresh": refresh}
        return {name: vault.seal(text, self.place(name)) if text else "" for name, text in given.items()}

    def reveal_access(self) -> str:
        """The access token, or "". Raises vault.VaultError."""
        return vault.unseal(self.access, self.place("access")) if self.access else ""

    def reveal_refresh(self) -> str:
        """The refresh token, or "". Raises vault.VaultError."""
        return vault.unseal(self.refresh, self.place("refresh")) if self.refresh else ""


class StartedSignIn(models.Model):
    """A sign-in under way: what the vendor's answer is checked against. Good once, for ten minutes.

    It is found by the hash of its state, and only in the admin session that started it.
    """

    state_hash = models.CharField(max_length=64, unique=True, editable=False)
    verifier = models.TextField(editable=False)
    flow = models.CharField(max_length=40, editable=False)
    redirect_uri = models.CharField(max_length=500, editable=False)
    return_to = models.CharField(max_length=500, blank=True, editable=False)
    """This service's own callback address, where the browser of the session is known."""
    provider = models.ForeignKey("providers.Provider", on_delete=models.CASCADE, related_name="+", editable=False)
    credential = models.ForeignKey(
        "providers.Credential", on_delete=models.CASCADE, null=True, related_name="+", editable=False
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", editable=False)
    session_hash = models.CharField(max_length=64, editable=False)
    expires_at = models.DateTimeField(db_index=True, editable=False)

    class Meta:
        verbose_name = "sign-in under way"
        verbose_name_plural = "sign-ins under way"

    def __str__(self) -> str:
        return f"{self.flow}, until {self.expires_at:%H:%M}"

    @property
    def place(self) -> str:
        """What the sealed verifier is bound to."""
        return f"sign-in:verifier:{self.state_hash}"


class OAuthClient(models.Model):
    """As whom a flow asks, where that is not the vendor's own public client. The environment comes before it."""

    flow = models.CharField(max_length=40, unique=True, choices=flow_choices)
    client_id = models.CharField(
        "client ID", max_length=300, blank=True, help_text="Leave empty for the vendor's own installed application.",
    )  # fmt: skip
    sealed = models.TextField(blank=True, editable=False)
    binding = models.CharField(max_length=32, editable=False, unique=True, default=vault.new_binding)
    updated_at = models.DateTimeField("last set", auto_now=True)
    history: Any = HistoricalRecords(excluded_fields=["sealed", "binding", "updated_at"])

    class Meta:
        verbose_name = "OAuth client"
        ordering = ("flow",)

    def __str__(self) -> str:
        return self.flow

    @property
    def place(self) -> str:
        """What the sealed secret is bound to."""
        return f"oauth-client:secret:{self.binding}"

    def set_secret(self, secret: str) -> None:
        """Seal a client secret into this row; an empty one removes it. Raises vault.VaultError; saves nothing."""
        self.sealed = vault.seal(secret, self.place) if secret else ""

    def reveal(self) -> str:
        """The client secret, or "". Raises vault.VaultError."""
        return vault.unseal(self.sealed, self.place) if self.sealed else ""
