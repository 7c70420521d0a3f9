"""As whom a flow asks: the environment's client, else the admin's, else the vendor's own public one."""

from __future__ import annotations

from django.conf import settings

from providers.oauth.exchange import Client
from providers.oauth.flows import Flow
from providers.oauth.models import OAuthClient
from providers.targets import Secret


class NoClient(ValueError):
    """There is no client to ask as; the message says what to set."""


def client_of(flow: Flow) -> Client:
    """The client of a flow. Raises NoClient when the vendor wants a secret and none is set, VaultError."""
    client_id, secret = settings.CCM_OAUTH_CLIENTS.get(flow.env, ("", ""))
    row = OAuthClient.objects.filter(flow=flow.name).first()
    if row is not None and not (client_id or secret):  # an id and a secret belong together
        client_id, secret = row.client_id, row.reveal()
    if flow.needs_secret and not secret:
        raise NoClient(
            f"{flow.label} wants a client secret: set {flow.env}_CLIENT_SECRET, "
            "or enter one in the admin under OAuth clients"
        )
    return Client(client_id or flow.client_id, Secret(secret))
