"""The page of OAuth clients: secrets go in and never come out."""

import pytest
from django.urls import reverse

from providers.models import OAuthClient
from providers.oauth.clients import client_of
from providers.oauth.flows import FLOWS

pytestmark = pytest.mark.django_db
SECRET = "client-secret-canary"
ADD = "admin:providers_oauthclient_add"


def test_a_client_secret_goes_in_and_never_comes_out(admin_client):
    """It is sealed; the form shows nothing of it; an empty field keeps it."""
    assert admin_client.post(reverse(ADD), {"flow": "google", "secret": f" {SECRET}\n"}).status_code == 302
    row = OAuthClient.objects.get()
    assert client_of(FLOWS["google"]).secret.reveal() == SECRET and SECRET not in row.sealed
    path = reverse("admin:providers_oauthclient_change", args=(row.pk,))
    listed = reverse("admin:providers_oauthclient_changelist")
    for page in (admin_client.get(path), admin_client.get(listed)):
        assert SECRET not in page.content.decode() and row.sealed not in page.content.decode()
    assert admin_client.post(path, {"flow": "google", "client_id": "mine", "secret": ""}).status_code == 302
    row.refresh_from_db()
    assert (row.client_id, row.reveal()) == ("mine", SECRET)


def test_a_client_of_nothing_is_a_form_error(admin_client, settings):
    """Without an ID and a secret there is nothing to keep; a secret that cannot be sealed is refused."""
    page = admin_client.post(reverse(ADD), {"flow": "google"})
    assert "Enter a client ID" in page.content.decode()
    settings.CCM_FIELD_KEYS = []
    page = admin_client.post(reverse(ADD), {"flow": "google", "secret": SECRET})
    assert "Not stored: CCM_FIELD_KEYS" in page.content.decode() and SECRET not in page.content.decode()
    assert not OAuthClient.objects.exists()


def test_the_list_says_when_the_environment_comes_first(admin_client, settings):
    """And an empty one says what is used."""
    listed = reverse("admin:providers_oauthclient_changelist")
    assert "own clients are used" in admin_client.get(listed).content.decode()
    OAuthClient.objects.create(flow="google", client_id="mine")
    assert "no: GOOGLE_OAUTH" not in admin_client.get(listed).content.decode()
    settings.CCM_OAUTH_CLIENTS = {"GOOGLE_OAUTH": ("", "given")}
    assert "no: GOOGLE_OAUTH_CLIENT_… is set in the environment" in admin_client.get(listed).content.decode()
