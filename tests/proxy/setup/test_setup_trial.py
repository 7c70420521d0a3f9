"""Calling the provider that is being set up."""

import pytest

from providers.models import Provider
from proxy.models import ConfigRevision
from proxy.setup.trial import fetched, tried

pytestmark = pytest.mark.django_db
SECRET = "sk-canary-0123456789"


def test_a_trial_keeps_the_list_it_has_seen(served):
    """Status and time are there, and the next step need not ask again; the configuration is as it was."""
    row = served()
    before = ConfigRevision.objects.values_list("number", flat=True).first(), row.history.count()
    result = tried(row)
    assert (result.ok, result.status) == (True, 200)
    assert Provider.objects.get().models_listed == row.models_listed == list(result.models) != []
    assert (ConfigRevision.objects.values_list("number", flat=True).first(), row.history.count()) == before


def test_a_refusal_has_its_time_too(served):
    """A list that is refused before any model is asked took time as well."""
    result = tried(served("status/401"))
    assert (result.ok, result.status) == (False, 401)
    assert result.latency_ms > 0


def test_a_model_can_be_named(served):
    """The one that is asked for is the one that is tried."""
    assert tried(served(), "another").model == "another"


@pytest.mark.parametrize(
    ("fault", "words"), [("status/401", "Set the API key anew"), ("html200", "Something else answers there")]
)
def test_a_list_that_is_refused_is_told_with_the_fix(served, fault, words):
    """What went wrong and what to do, without the key."""
    told = fetched(served(fault))
    assert words in told
    assert SECRET not in told
    assert Provider.objects.get().models_listed == []


def test_a_list_is_kept(served):
    """No words: it worked."""
    row = served()
    assert fetched(row) == ""
    assert Provider.objects.get().models_listed == row.models_listed != []


def test_an_unknown_preset_is_told():
    """There is nobody to ask."""
    assert "choose another" in fetched(Provider(name="x", preset="nobody"))
