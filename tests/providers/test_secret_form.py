"""A secret that can be set and never read, whatever row it is for."""

import pytest

from providers.admin import CredentialForm
from providers.models import Credential, Provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def credential():
    made = Credential(provider=Provider.objects.create(name="main", preset="openai"))
    made.set_secret("sk-canary-0123456789")
    made.save()
    return made


def form_of(credential, **fields):
    return CredentialForm({"label": "API key", "enabled": "on", **fields}, instance=credential)


def test_an_empty_secret_keeps_what_is_stored(credential):
    """The page never has it, so it cannot send it back."""
    form = form_of(credential, label="renamed", secret="  ")
    assert "sk-canary" not in form.as_p() and form.is_valid()
    assert "leave empty to keep" in form.as_p() and "leave empty" not in CredentialForm().as_p()
    form.save()
    kept = Credential.objects.get()
    assert (kept.label, kept.reveal()) == ("renamed", "sk-canary-0123456789")


def test_another_secret_takes_its_place(credential):
    """Without the blanks that pasting brings."""
    form = form_of(credential, secret=" sk-other-0123456789\n")
    assert form.is_valid()
    form.save()
    assert Credential.objects.get().reveal() == "sk-other-0123456789"


def test_a_secret_that_cannot_be_sealed_is_an_error_at_its_field(credential, settings):
    """The row keeps the old one, and the error says why without the secret."""
    settings.CCM_FIELD_KEYS = []
    form = form_of(credential, secret="sk-other-0123456789")
    assert not form.is_valid()
    assert form.errors["secret"][0].startswith("Not stored: ") and "sk-other" not in str(form.errors)
