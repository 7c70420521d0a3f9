"""The page of OAuth clients: as whom accounts are signed in, where that is not the vendor's own application."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin

from providers.oauth.flows import FLOWS
from providers.oauth.models import OAuthClient
from providers.secret_form import SecretForm, secret_field
from providers.unfolded import ConfigAdmin, display


class OAuthClientForm(SecretForm):
    """A client whose secret can be set and never read."""

    secret = secret_field(
        "Client secret", "Stored encrypted, never shown. Google asks for one even for installed applications."
    )

    class Meta:
        model = OAuthClient
        fields = ("flow", "client_id", "secret")

    def clean(self) -> dict[str, Any]:
        """Something must be given, and a secret must be one that can be sealed."""
        given = self.cleaned_data.get("secret")
        cleaned = super().clean()
        if not (given or cleaned.get("client_id") or self.instance.sealed):
            self.add_error("client_id", "Enter a client ID, a client secret, or both.")
        return cleaned


@admin.register(OAuthClient)
class OAuthClientAdmin(ConfigAdmin):
    """As whom each way to sign in asks."""

    form = OAuthClientForm
    list_display = ("flow", "client_id", "secret_set", "in_force")
    list_before_template = "admin/empty/oauth_client.html"

    @display(description="Secret", boolean=True)
    def secret_set(self, row: OAuthClient) -> bool:
        """Whether there is a secret."""
        return bool(row.sealed)

    @display(description="In force")
    def in_force(self, row: OAuthClient) -> str:
        """Yes, unless the environment names a client: that one comes first."""
        flow = FLOWS.get(row.flow)
        given = settings.CCM_OAUTH_CLIENTS.get(flow.env, ("", "")) if flow else ("", "")
        return f"no: {flow.env}_CLIENT_… is set in the environment" if flow and any(given) else "yes"
