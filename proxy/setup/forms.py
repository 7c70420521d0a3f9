"""The form that makes a provider and sets it right: its name, where it is, and its key, which goes in only."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction

from providers import vault
from providers.models import Credential, Provider
from providers.presets import Preset
from proxy.setup.cards import asks_address, asks_key, key_needed

_INPUT = {"class": "ccm-input", "autocomplete": "off"}
LOCATIONS = ("global", "us", "eu", "us-central1", "us-east5", "europe-west1", "europe-west4", "asia-southeast1")
"""Locations that a Google cloud's form suggests; any other can be typed."""


def free_name(wanted: str) -> str:
    """`wanted`, or with the first number behind it that makes it a name no provider has."""
    taken = set(Provider.objects.values_list("name", flat=True))
    names = (wanted if number == 1 else f"{wanted} {number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]
    """A provider of one preset, with the fields that this preset needs. A provider it makes is switched off."""

    secret = forms.CharField(
        required=False,
        label="API key",
        widget=forms.PasswordInput(attrs={**_INPUT, "autocomplete": "new-password"}),
        help_text="Stored encrypted; only its last four characters are ever shown.",
    )

    class Meta:
        model = Provider
        fields = ("name", "base_url", "project_id", "location")

    def __init__(self, preset: Preset, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.preset = preset
        self.instance.preset = preset.name
        self.fields["name"].help_text = "What you call it: shown in the history and used in X-Provider."
        for name in ("name", "base_url", "project_id", "location"):
            self.fields[name].widget.attrs.update(_INPUT)
        if preset.addressing == "vertex":
            self.fields["location"].widget.attrs["list"] = "locations"
            self.fields["secret"].label = "Service account's key file (JSON)"
            self.fields["secret"].help_text = "Empty: this machine's own sign-in (application default credentials)."
            self.fields["project_id"].help_text = "The ID of your Google Cloud project: not its name, not its number."
            self.fields["location"].help_text = "Where its models run, such as global, eu or europe-west4."
        else:
            del self.fields["project_id"], self.fields["location"]
        if asks_address(preset):
            ends = "Ends before /v1/messages or /chat/completions."
            self.fields["base_url"].help_text = f"Empty: {preset.base_url}. {ends}" if preset.base_url else ends
            self.fields["base_url"].widget.attrs["placeholder"] = preset.base_url or "https://api.example.com/v1"
        else:
            del self.fields["base_url"]
        if not asks_key(preset):
            del self.fields["secret"]
        elif self.instance.pk and self._key() is not None:
            self.fields["secret"].widget.attrs["placeholder"] = "leave empty to keep"

    def clean_secret(self) -> str:
        """The key without blanks around it. A vendor that needs one gets one, and it must be one that can be sealed."""
        secret = str(self.cleaned_data["secret"]).strip()
        if not secret:
            if key_needed(self.preset) and (not self.instance.pk or self._key() is None):
                raise forms.ValidationError(f"{self.preset.label} needs an API key: enter it.")
            return ""
        try:
            vault.seal(secret, "probe")
        except vault.VaultError as error:
            raise forms.ValidationError(f"Not stored: {error}.") from None
        return secret

    def save(self, commit: bool = True) -> Provider:
        """Store the provider, and its key where one was entered. All or nothing."""
        row: Provider = super().save(commit=False)
        row.enabled = bool(row.pk) and row.enabled
        with transaction.atomic():
            row.save()
            if secret := self.cleaned_data.get("secret"):
                credential = self._key() or Credential(provider=row)
                credential.set_secret(secret)
                credential.save()
        return row

    def _key(self) -> Credential | None:
        """The key that requests use first."""
        keys = Credential.objects.filter(provider=self.instance, kind=Credential.API_KEY, enabled=True)
        return keys.order_by("pk").first()
