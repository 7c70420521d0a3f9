"""What the list of providers says of each."""

from datetime import timedelta

import pytest
from django.utils import timezone

from providers.models import Credential, Provider
from proxy.admin.provider_state import last_error_of, state_of, with_health
from proxy.models import HealthState

pytestmark = pytest.mark.django_db


def provider(preset="openai", key=True, **fields):
    row = Provider.objects.create(name="main", preset=preset, **fields)
    if key:
        credential = Credential(provider=row)
        credential.set_secret("sk-canary-0123456789")
        credential.save()
    return row


def held(kind="overloaded", seconds=300, model="m", ago=0, **fields):
    now = timezone.now()
    failed = now - timedelta(seconds=ago)
    HealthState.objects.create(
        provider="main", actual_model=model, kind=kind, since=failed, failed_at=failed, stamp=1,
        until=now + timedelta(seconds=seconds), **fields,
    )  # fmt: skip


def told():
    row = with_health(Provider.objects.filter(name="main")).get()
    state = state_of(row, row.cooling_until, row.refused_until)
    return state.tone, state.words, last_error_of(row.failed_kind, row.failed_words)


def test_nothing_held_against_it():
    """A provider that can be called and has not failed is ok."""
    provider()
    assert told() == ("ok", "ok", "")


def test_what_cools_is_told_with_its_end():
    """The longest wait counts; the newest failure is the last error."""
    provider()
    held(words="slow down", ago=5)
    held("rate_limited", 100_000, "n", ago=9)
    tone, words, error = told()
    assert tone == "warn" and words.startswith("cooling until ")
    assert words.removeprefix("cooling until ")[2] == " "  # not today any more: the day
    assert error == "overloaded: slow down"


def test_a_cooling_that_ends_today_is_told_by_the_clock(monkeypatch):
    """Hours, minutes and seconds where the day is the same."""
    now = timezone.now().replace(hour=12)
    monkeypatch.setattr(timezone, "now", lambda: now)
    row = provider()
    state = state_of(row, now + timedelta(minutes=5), None)
    assert state.words == f"cooling until {timezone.localtime(now + timedelta(minutes=5)):%H:%M:%S}"


def test_what_is_over_is_ok_but_remembered():
    """A wait that has ended is no state; what failed last is still told."""
    provider()
    held("timed_out", -1)
    assert told() == ("ok", "ok", "timed out")


def test_a_refused_key_comes_before_what_passes_by_itself():
    """Somebody has to do something, though another model cools longer."""
    provider()
    held("refused_key", 60, "")
    held("overloaded", 600)
    assert told()[:2] == ("bad", "key refused")


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"preset": "nobody"}, "unknown preset"), ({"preset": "openai"}, "needs a key"), ({"enabled": False}, "off")],
)
def test_what_it_lacks_comes_before_its_health(fields, words):
    """Whether it is on and can be called at all is told first."""
    provider(key=False, **fields)
    held()
    assert told()[1] == words


def test_a_long_error_is_cut():
    """Eighty characters are enough for a list."""
    assert last_error_of("overloaded", "x" * 200) == f"overloaded: {'x' * 67}…"
    assert last_error_of("refused_key", "") == "refused key"
