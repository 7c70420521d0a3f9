"""A provider's row as a target, and the model it is tried with."""

import pytest

from providers.models import Credential, Provider
from providers.oauth.flows import FLOWS
from providers.oauth.sign_in import store
from providers.oauth.tokens import Tokens
from providers.targets import Secret, Timeouts
from providers.template import template_of, usual_model
from providers.vault import new_key
from proxy.models import LogicalModel, ModelMapping

pytestmark = pytest.mark.django_db
SECRET = "sk-canary-0123456789"


def provider(secret="", **fields):
    row = Provider.objects.create(**{"name": "main", "preset": "openai", **fields})
    if secret:
        credential = Credential(provider=row)
        credential.set_secret(secret)
        credential.save()
    return row


def test_the_row_and_its_first_enabled_key_make_the_target():
    """Address, headers, limits, project and location come along; a disabled key is passed over."""
    row = provider(SECRET, headers={"X-Title": "t"}, project_id="p", location="eu", base_url="https://x/v1/")
    off = Credential(provider=row, enabled=False)
    off.set_secret("other-secret-0")
    off.save()
    found = template_of(row, Timeouts(1, 2, 3, 4))
    assert (found.provider, found.base_url, found.actual_model) == ("main", "https://x/v1", "")
    assert (found.secret.reveal(), found.problem) == (SECRET, "")
    assert (found.extra_headers, found.project, found.location) == ((("X-Title", "t"),), "p", "eu")
    assert found.timeouts == Timeouts(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "no API key"),
        ({"headers": {"Authorization": "Bearer x"}}, ""),
        ({"preset": "ollama"}, ""),
        ({"preset": "echo"}, ""),
    ],
)
def test_a_missing_key_is_a_problem_only_where_one_is_needed(fields, problem):
    """A sign-in header takes the place of a key, and local servers need none."""
    found = template_of(provider(**fields), Timeouts())
    assert problem in found.problem and bool(found.problem) is bool(problem)


def test_a_key_that_cannot_be_unsealed_says_what_to_do(settings):
    """The problem names CCM_FIELD_KEYS, and the target has no secret."""
    row = provider(SECRET)
    settings.CCM_FIELD_KEYS = [new_key()]
    found = template_of(row, Timeouts())
    assert "CCM_FIELD_KEYS" in found.problem and not found.secret


def test_an_unknown_preset_makes_no_target():
    """A row whose preset the table no longer has cannot be called."""
    assert template_of(provider(preset="gone"), Timeouts()) is None


def test_a_provider_is_tried_with_what_is_asked_of_it():
    """The first enabled mapping names the model, else what is offered, else the preset, else nothing does."""
    row = provider()
    assert usual_model(row) == row.preset_row.suggested_model != ""
    row.models_offered = ["offered", "too"]
    assert usual_model(row) == "offered"
    model = LogicalModel.objects.create(name="smart")
    for priority, name, enabled in ((1, "off", False), (3, "third", True), (2, "second", True)):
        ModelMapping.objects.create(
            logical_model=model, provider=row, priority=priority, actual_model=name, enabled=enabled
        )
    assert usual_model(row) == "second"
    assert usual_model(provider(name="own", preset="openai-compatible", base_url="http://x/v1")) == ""
    assert usual_model(provider(name="old", preset="gone")) == ""


def test_a_token_goes_to_its_own_vendor_only():
    """After the preset has been changed to another vendor's the account is not used, and the problem says why."""
    row = provider(preset="anthropic")
    assert "or sign in with an account: /admin/providers/provider/" in template_of(row, Timeouts()).problem
    store(row, FLOWS["anthropic"], Tokens(Secret("token-canary-0123"), Secret("refresh-canary"), 3600.0))
    assert template_of(row, Timeouts()).secret.reveal() == "token-canary-0123"
    for preset in ("openai", "codex"):
        row.preset = preset
        row.save()
        found = template_of(row, Timeouts())
        assert not found.secret and "of another vendor" in found.problem
