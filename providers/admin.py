"""The pages of providers. Keys go in and never come out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from providers import vault
from providers.models import Credential, Provider
from providers.unfolded import ConfigAdmin, PasswordWidget, TabularInline, display


class CredentialForm(forms.ModelForm):  # type: ignore[type-arg]
    """A credential whose secret can be set and never read."""

    secret = forms.CharField(
        required=False,
        label="API key",
        widget=PasswordWidget(attrs={"autocomplete": "off", "placeholder": "leave empty to keep"}),
        help_text="Stored encrypted; only its last four characters are ever shown.",
    )

    class Meta:
        model = Credential
        fields = ("label", "secret", "enabled")

    def clean(self) -> dict[str, Any]:
        """A new credential needs its secret, and any secret must be one that can be sealed."""
        cleaned: dict[str, Any] = super().clean() or {}
        secret = cleaned.get("secret")
        if cleaned.get("DELETE"):
            return cleaned
        if secret:
            self._try_to_seal(secret)
        elif not self.instance.pk:
            self.add_error("secret", "Enter the API key.")
        return cleaned

    def _try_to_seal(self, secret: str) -> None:
        # The row is sealed when the provider has its primary key; by then it is too late for an error on the page.
        try:
            vault.seal(secret.strip(), "probe")
        except vault.VaultError as error:
            self.add_error("secret", f"Not stored: {error}.")

    def save(self, commit: bool = True) -> Credential:
        """Seal the secret into the row; the provider has been saved by now."""
        credential: Credential = super().save(commit=False)
        if self.cleaned_data.get("secret"):
            credential.set_secret(self.cleaned_data["secret"].strip())
        if commit:
            credential.save()
        return credential


class CredentialInline(TabularInline):
    """The keys of one provider."""

    model = Credential
    form = CredentialForm
    extra = 0
    fields = ("label", "secret", "ends_in", "enabled", "updated_at")
    readonly_fields = ("ends_in", "updated_at")
    verbose_name_plural = "API keys"

    @display(description="Stored")
    def ends_in(self, credential: Credential) -> str:
        """What may be shown of a key."""
        return f"…{credential.last4}" if credential.last4 else ("set" if credential.pk else "-")


@admin.register(Provider)
class ProviderAdmin(ConfigAdmin):
    """Providers: where requests can go."""

    list_display = ("name", "vendor", "address", "keys", "used_by", "enabled")
    list_filter = ("enabled",)
    search_fields = ("name",)
    inlines = (CredentialInline,)
    list_before_template = "admin/empty/provider.html"
    fieldsets = (
        (None, {"fields": ("name", "preset", "enabled")}),
        ("Address", {"fields": ("base_url",)}),
        ("More", {"classes": ("collapse",), "fields": ("headers", "models_offered", "project_id", "location")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        """Providers with what the list shows of them."""
        found: QuerySet[Provider] = super().get_queryset(request)
        return found.prefetch_related("credentials").annotate(mapping_count=Count("mappings", distinct=True))

    @display(description="Vendor", ordering="preset")
    def vendor(self, provider: Provider) -> str:
        """The preset's name for people."""
        return provider.preset_row.label if provider.preset_row else provider.preset

    @display(description="Address")
    def address(self, provider: Provider) -> str:
        """Where requests go."""
        return provider.effective_base_url

    @display(description="Keys")
    def keys(self, provider: Provider) -> str:
        """What may be shown of its keys."""
        shown = [f"…{c.last4}" if c.last4 else "set" for c in provider.credentials.all() if c.enabled]
        return ", ".join(shown) or "none"

    @display(description="Used by")
    def used_by(self, provider: Any) -> str:
        """How many mappings lead here."""
        return f"{provider.mapping_count} mapping{'' if provider.mapping_count == 1 else 's'}"
