"""What is remembered of the last test of a provider."""

import json

import pytest

from providers.checking import CheckResult
from providers.models import Provider
from proxy.setup.told import last, remember

pytestmark = pytest.mark.django_db
RESULT = CheckResult("mine", "m", False, "refused_key", 401, 12, "no", "Set the key anew.", ("a", "b"))


@pytest.fixture
def row():
    return Provider.objects.create(name="mine", preset="openai-compatible", base_url="http://127.0.0.1:9")


def through_json(session):
    return json.loads(json.dumps(session))


def test_a_result_survives_the_session(row):
    """As JSON, with its kind in words and the number of models in place of their names."""
    session = {}
    remember(session, row, RESULT, "typed")
    found = last(through_json(session), row)
    assert (found.kind, found.listed, found.asked) == ("refused key", 2, "typed")
    assert (found.result.status, found.result.hint, found.result.models) == (401, "Set the key anew.", ())


def test_a_result_is_of_one_provider_at_one_address(row):
    """Another's, or one of before the address changed, is none; switching it on changes nothing."""
    session = {}
    assert last(session, row) is None
    remember(session, row, RESULT)
    row.enabled = False
    row.save()
    assert last(session, row) is not None
    assert last(session, Provider.objects.create(name="other", preset="openai")) is None
    row.base_url = "http://127.0.0.1:10"
    assert last(session, row) is None


@pytest.mark.parametrize("kept", [None, 1, [], [1, 2], "text"])
def test_a_session_of_another_release_is_no_result(row, kept):
    """What cannot be read is as if there were nothing."""
    assert last({"setup_test": kept}, row) is None
