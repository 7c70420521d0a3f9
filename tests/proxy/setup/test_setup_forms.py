"""The form that makes a provider."""

import pytest

from providers.models import Credential, Provider
from providers.presets import PRESETS
from proxy.setup.forms import ProviderForm, free_name

pytestmark = pytest.mark.django_db
SECRET = "sk-canary-0123456789"


def form(preset, instance=None, **posted):
    return ProviderForm(PRESETS[preset], {"name": "mine", **posted}, instance=instance)


@pytest.mark.parametrize(
    ("preset", "fields"),
    [
        ("openrouter", ["name", "secret"]),
        ("openai-compatible", ["name", "base_url", "secret"]),
        ("ollama", ["name", "base_url", "secret"]),
        ("vertex-ai", ["name", "project_id", "location", "secret"]),
        ("codex", ["name"]),
        ("echo", ["name"]),
    ],
)
def test_only_what_the_preset_needs_is_asked(preset, fields):
    """No field that would have no effect."""
    assert list(ProviderForm(PRESETS[preset]).fields) == fields


def test_a_new_provider_is_off_and_its_key_sealed():
    """The row and its key are stored; it gets no request before the set-up is finished."""
    row = form("openrouter", secret=f"  {SECRET} ").save()
    assert (row.preset, row.enabled) == ("openrouter", False)
    credential = Credential.objects.get()
    assert credential.reveal() == SECRET
    assert SECRET not in credential.sealed


@pytest.mark.parametrize(
    ("preset", "posted", "field", "words"),
    [
        ("openrouter", {}, "secret", "OpenRouter needs an API key: enter it."),
        ("openrouter", {"secret": "   "}, "secret", "needs an API key"),
        ("openai-compatible", {}, "base_url", "enter the base URL"),
        ("openai-compatible", {"base_url": "http://169.254.169.254/v1"}, "base_url", "metadata"),
        ("vertex-ai", {"location": "global"}, "project_id", "Google Cloud project"),
        ("vertex-ai", {"project_id": "p"}, "location", "needs a location"),
        ("echo", {"name": ""}, "name", "required"),
        ("echo", {"name": "a,b"}, "name", "comma"),
        ("echo", {"name": "taken"}, "name", "already exists"),
    ],
)
def test_a_mistake_is_told_at_its_field(preset, posted, field, words):
    """The field and the fix are named; nothing is stored."""
    Provider.objects.create(name="taken", preset="echo")
    wrong = form(preset, **posted)
    assert not wrong.is_valid()
    assert list(wrong.errors) == [field]
    assert words in str(wrong.errors[field])
    assert Provider.objects.count() == 1


def test_a_key_that_cannot_be_sealed_is_an_error_of_its_field(settings):
    """Without keys of our own nothing is stored, and the page says what is missing."""
    settings.CCM_FIELD_KEYS = []
    wrong = form("openrouter", secret=SECRET)
    assert not wrong.is_valid()
    assert "Not stored: CCM_FIELD_KEYS" in str(wrong.errors["secret"])
    assert SECRET not in str(wrong.errors) + wrong.as_p()


def test_an_empty_key_keeps_the_one_that_is_there():
    """Correcting the name leaves key and switch as they are; a new key takes the place of the old one."""
    row = form("openrouter", secret=SECRET).save()
    Provider.objects.update(enabled=True)
    row.refresh_from_db()
    kept = form("openrouter", row, name="other")
    assert 'placeholder="leave empty to keep"' in kept.as_p()
    row = kept.save()
    assert (row.name, row.enabled, Credential.objects.get().reveal()) == ("other", True, SECRET)
    form("openrouter", row, secret="another-key-0123").save()
    assert Credential.objects.get().reveal() == "another-key-0123"


def test_a_suggested_name_is_free():
    """The first number that makes it one."""
    assert free_name("groq") == "groq"
    for name in ("groq", "groq 2"):
        Provider.objects.create(name=name, preset="groq")
    assert free_name("groq") == "groq 3"
