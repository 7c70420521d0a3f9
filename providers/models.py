"""Providers and the credentials that open them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from providers import vault
from providers.addresses import model_problem, provider_problems
from providers.oauth.models import OAuthClient as OAuthClient
from providers.oauth.models import OAuthToken as OAuthToken
from providers.oauth.models import StartedSignIn as StartedSignIn
from providers.presets import PRESETS, Preset
from providers.validators import validate_base_url, validate_headers, validate_name, validate_names, validate_wait


def preset_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """The presets for a form, grouped."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for preset in PRESETS.values():
        groups.setdefault(preset.group, []).append((preset.name, preset.label))
    return list(groups.items())


def optional_seconds(name: str, help_text: str) -> Any:
    """A field for a wait in seconds that overrides a more general one; empty: it does not."""
    return models.FloatField(name, null=True, blank=True, validators=[validate_wait], help_text=help_text)


class Provider(models.Model):
    """One upstream account: a preset, where it lives and the credentials that open it."""

    name = models.CharField(
        max_length=100, unique=True, validators=[validate_name],
        help_text="What you call it: shown in the history, used in <code>X-Provider</code> and in imported files.",
    )  # fmt: skip
    preset = models.CharField(
        max_length=40, choices=preset_choices,
        help_text="The vendor. It decides the wire format, the usual address and how the key is sent.",
    )  # fmt: skip
    base_url = models.CharField(
        "base URL", max_length=500, blank=True, validators=[validate_base_url],
        help_text="Leave empty for the vendor's own address. "
        "Ends before /v1/messages, /chat/completions or /responses.",
    )  # fmt: skip
    enabled = models.BooleanField(default=True, help_text="A disabled provider is skipped by every mapping.")
    headers = models.JSONField(
        "extra headers", default=dict, blank=True, validators=[validate_headers],
        help_text='Sent with every request, as a JSON object: <code>{"X-Title": "my proxy"}</code>. Not for keys.',
    )  # fmt: skip
    project_id = models.CharField("project ID", max_length=200, blank=True, help_text="For Google clouds only.")
    location = models.CharField(max_length=100, blank=True, help_text="For Google clouds only.")
    models_offered = models.JSONField(
        "models offered", default=list, blank=True, validators=[validate_names],
        help_text='Names this provider also answers to directly, as a JSON list: <code>["glm-4.6"]</code>.',
    )  # fmt: skip
    models_listed = models.JSONField("models the vendor lists", default=list, editable=False)
    connect_timeout_s = optional_seconds(
        "connect timeout (s)", "Seconds to reach it, name lookup and TLS included. Empty: as in the router settings."
    )
    first_content_timeout_s = optional_seconds(
        "first content timeout (s)",
        "Seconds until its first content; then the next mapping is tried. "
        "Empty: what is usual for the vendor (600 for servers on your machine), else as in the router settings.",
    )
    idle_timeout_s = optional_seconds(
        "idle timeout (s)", "Seconds of silence between events of its answer. Empty: as in the router settings."
    )
    max_concurrency = models.PositiveIntegerField(
        "most calls at once", null=True, blank=True, validators=[MinValueValidator(1)],
        help_text="By each server process. More wait a second at most, then go to the next target. Empty: no limit.",
    )  # fmt: skip
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # What a vendor lists is fetched, not configured: it is no part of the history, the snapshot or an exported file.
    history = HistoricalRecords(excluded_fields=["updated_at", "models_listed"])

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """What the preset's address needs is here, and the preset can address the models mapped to this provider."""
        preset = self.preset_row
        if preset is None:
            return
        problems = provider_problems(preset, self.base_url, self.project_id, self.location)
        for name in self.models_offered if isinstance(self.models_offered, list) else ():
            if isinstance(name, str) and (problem := model_problem(preset, name)):
                problems["models_offered"] = f"“{name}” cannot be asked for. {problem}"
        mapped = self.mappings.values_list("actual_model", flat=True) if self.pk else ()
        for model in sorted(set(mapped)):
            if problem := model_problem(preset, model):
                problems["preset"] = f"The model “{model}” is mapped to this provider. {problem}"
        if problems:
            raise ValidationError(problems)

    @property
    def preset_row(self) -> Preset | None:
        """The preset's row, or None when the table no longer has it."""
        return PRESETS.get(self.preset)

    @property
    def effective_base_url(self) -> str:
        """Where requests go: the base URL of this row, else the preset's; no trailing slash."""
        preset = self.preset_row
        return (self.base_url or (preset.base_url if preset else "")).rstrip("/")


class Credential(models.Model):
    """What opens a provider: an API key, or an account that somebody has signed in with (its `oauth` has the tokens).

    Secrets go in and never come out: pages show the last four characters of a key, and nothing of a token.
    """

    API_KEY, OAUTH = "api_key", "oauth"
    KINDS = ((API_KEY, "API key"), (OAUTH, "account"))

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="credentials")
    kind = models.CharField(max_length=10, choices=KINDS, default=API_KEY, editable=False)
    label = models.CharField(max_length=100, default="API key", help_text="To tell several keys apart.")
    enabled = models.BooleanField(default=True)
    sealed = models.TextField(editable=False)
    binding = models.CharField(max_length=32, editable=False, unique=True, default=vault.new_binding)
    last4 = models.CharField("ends in", max_length=4, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField("last set", auto_now=True)
    history = HistoricalRecords(excluded_fields=["sealed", "binding", "updated_at"])

    class Meta:
        ordering = ("provider", "pk")

    def __str__(self) -> str:
        return f"{self.label} (…{self.last4})" if self.last4 else self.label

    @property
    def place(self) -> str:
        """What the sealed text is bound to: this row and the provider whose address the key may travel to."""
        return f"credential:secret:{self.provider_id}:{self.binding}"

    def set_secret(self, secret: str) -> None:
        """Seal `secret` into this row, whose provider must be saved already. Raises vault.VaultError; saves nothing."""
        self.sealed = vault.seal(secret, self.place)
        self.last4 = secret[-4:] if len(secret) >= 12 else ""

    @property
    def is_account(self) -> bool:
        """True when somebody signs in for it: there is no key to enter."""
        return self.kind == self.OAUTH

    def reveal(self) -> str:
        """The API key. Raises vault.VaultError when it cannot be unsealed."""
        return vault.unseal(self.sealed, self.place)
