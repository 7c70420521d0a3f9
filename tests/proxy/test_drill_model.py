"""Drills as rows: how long they last, when they are in the snapshot, and whom they would leave without an answer."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from providers.models import Provider
from proxy import snapshot
from proxy.config import DrillConfig
from proxy.models import ClientKey, Drill, LogicalModel, ModelMapping
from proxy.models.drill import left_alone, warning

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider():
    return Provider.objects.create(name="main", preset="openai")


@pytest.fixture
def key():
    row = ClientKey(name="laptop")
    row.issue()
    row.save()
    return row


def drill(provider, key=None, minutes=10, **fields):
    row = Drill(provider=provider, client_key=key, **fields)
    row.run_for(timedelta(minutes=minutes))
    row.full_clean()
    row.save()
    return row


def test_a_running_drill_is_in_the_snapshot_until_it_is_stopped(provider, key):
    """The snapshot holds names and values; a stopped drill is gone from it, and a second stop changes nothing."""
    row = drill(provider, key, fault="cut", cut_after=40)
    assert snapshot.load().drills == (DrillConfig(row.pk, "main", "laptop", "cut", 40, row.ends_at),)
    row.stop()
    first = row.stopped_at
    assert (snapshot.load().drills, row.state, row.ended_at) == ((), "stopped", first)
    row.stop()
    assert row.stopped_at == first


def test_a_drill_that_is_over_is_not_loaded(provider):
    """What ended by itself needs no stop: it is over, and one without a key was for requests without a key."""
    row = drill(provider)
    assert [found.client_key for found in snapshot.load().drills] == [""]
    Drill.objects.update(started_at=timezone.now() - timedelta(minutes=5), ends_at=timezone.now())
    row.refresh_from_db()
    assert (snapshot.load().drills, row.state, row.runs) == ((), "over", False)


def test_an_hour_is_the_most(provider):
    """A drill that was meant to last longer is refused."""
    drill(provider, minutes=60)
    with pytest.raises(ValidationError, match="60 minutes at most"):
        drill(provider, minutes=61)


def test_one_drill_of_a_provider_and_key_at_once(provider, key):
    """A second one is refused while the first runs; another key's, and one without a key, are not."""
    row = drill(provider, key)
    drill(provider)
    with pytest.raises(ValidationError, match=f"Drill {row.pk} of this provider and key still runs"):
        drill(provider, key)
    row.stop()
    drill(provider, key)


def test_a_drill_goes_with_its_key(provider, key):
    """A deleted key takes its drills along: they must not turn on requests without a key."""
    drill(provider, key)
    key.delete()
    assert not Drill.objects.exists()


def test_who_would_be_left_alone(provider):
    """A model is in danger when no other enabled mapping to an enabled provider serves it."""
    other = Provider.objects.create(name="other", preset="openai")
    off = Provider.objects.create(name="off", preset="openai", enabled=False)
    for name, served_by in {"safe": (provider, other), "alone": (provider, off), "elsewhere": (other,)}.items():
        model = LogicalModel.objects.create(name=name)
        for row in served_by:
            ModelMapping.objects.create(logical_model=model, provider=row, actual_model="m")
    assert left_alone(provider) == ["alone"]
    assert warning(provider) == "main alone serves alone: requests will fail, nobody takes over."
    assert warning(off) == ""
