"""The words for what is held against providers."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from providers.models import Credential, Provider
from proxy.health_words import Held, cooling_told, failure_told, subject_told, until_told
from proxy.models import HealthState

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)


def row(provider, model, seconds, **fields):
    now = timezone.now()
    return HealthState.objects.create(
        provider=provider, actual_model=model, kind="overloaded", since=now, failed_at=now,
        until=now + timedelta(seconds=seconds), stamp=1, **fields,
    )  # fmt: skip


@pytest.mark.django_db
def test_the_table_is_read_once_for_all_providers(django_assert_num_queries):
    """What cools longest comes first, what is over is there too, and who has nothing has an empty list."""
    for provider, model, seconds in (("one", "a", 60), ("one", "b", 90), ("one", "c", -5), ("two", "d", 60)):
        row(provider, model, seconds)
    with django_assert_num_queries(1):
        held = Held()
        assert [one.actual_model for one in held.of("one")] == ["b", "a", "c"]
        assert len(held.of("two")) == 1 and not held.of("three")


def test_a_failure_is_told_with_the_upstreams_words():
    """Or alone where it said nothing."""
    assert failure_told("rate_limited", "slow down") == "rate limited: slow down"
    assert failure_told("timed_out", "") == "timed out"


def test_a_time_of_another_day_has_its_day():
    """The clock alone is enough for today."""
    local = timezone.localtime(NOON)
    assert until_told(NOON + timedelta(minutes=5), NOON) == f"{local + timedelta(minutes=5):%H:%M:%S}"
    assert until_told(NOON + timedelta(days=2), NOON) == f"{local + timedelta(days=2):%d %b %H:%M}"


def test_a_cooldown_that_is_over_says_what_comes_next():
    """The time while it lasts, then that the next request tries it."""
    now = timezone.now()
    assert cooling_told(HealthState(until=now - timedelta(seconds=1))) == "over: the next request tries it"
    until = now + timedelta(days=3)
    assert cooling_told(HealthState(until=until)) == f"{timezone.localtime(until):%d %b %H:%M}"


@pytest.mark.django_db
def test_a_row_names_its_model_or_its_key():
    """An account by its name, a key by its last characters; one that is gone is told as such."""
    credential = Credential(provider=Provider.objects.create(name="main", preset="openai"))
    credential.set_secret("sk-canary-0123456789")
    credential.save()
    assert subject_told(HealthState(actual_model="m")) == "m"
    assert subject_told(HealthState(credential_id=credential.pk)) == "API key (…6789)"
    credential.label = "team"
    credential.save()
    assert subject_told(HealthState(credential_id=credential.pk)) == "key team (…6789)"
    account = Credential.objects.create(provider=credential.provider, kind=Credential.OAUTH, label="ops@example.com")
    assert subject_told(HealthState(credential_id=account.pk)) == "account ops@example.com"
    assert subject_told(HealthState()) == "its key"
    assert subject_told(HealthState(actual_model="m", credential_id=credential.pk + 99)) == "m by a key that is gone"
