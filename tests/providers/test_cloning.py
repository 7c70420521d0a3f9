"""A copy of a provider."""

import pytest

from providers.cloning import clone
from providers.models import Credential, Provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def row():
    row = Provider.objects.create(
        name="main", preset="openai", base_url="https://gateway.example/v1", headers={"X-Title": "t"}, project_id="p",
        location="eu", models_offered=["m"], models_listed=["m", "n"], connect_timeout_s=1, first_content_timeout_s=2,
        idle_timeout_s=3, max_concurrency=4,
    )  # fmt: skip
    credential = Credential(provider=row)
    credential.set_secret("sk-canary-0123456789")
    credential.save()
    return row


def test_all_is_copied_but_what_opens_it(row):
    """Every column but those that a row has of its own; no key; switched off."""
    made = clone(row)
    own = {"id", "name", "enabled", "created_at", "updated_at"}
    for field in Provider._meta.concrete_fields:
        if field.name not in own:
            assert getattr(made, field.attname) == getattr(row, field.attname), field.name
    assert (made.name, made.enabled, made.credentials.count()) == ("main copy", False, 0)
    assert row.credentials.count() == 1
    made.full_clean()


def test_each_copy_has_a_name_of_its_own(row):
    """Copies are numbered; a long name is cut so that the ending fits."""
    assert [clone(row).name for _ in range(3)] == ["main copy", "main copy 2", "main copy 3"]
    long = Provider.objects.create(name="x" * 100, preset="echo")
    assert clone(long).name == "x" * 95 + " copy"
    assert clone(long).name == "x" * 93 + " copy 2"
