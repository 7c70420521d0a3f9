"""How a provider is, as the list and the dashboard say it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from providers.models import Credential, OAuthToken, Provider
from proxy.health_words import Held
from proxy.models import HealthState
from proxy.provider_state import lack_of, last_error_of, state_of

pytestmark = pytest.mark.django_db


def key(row, **fields):
    credential = Credential(provider=row, **fields)
    credential.set_secret("sk-canary-0123456789")
    credential.save()


def account(row, **tokens):
    credential = Credential.objects.create(provider=row, kind=Credential.OAUTH)
    if tokens:
        OAuthToken.objects.create(credential=credential, flow="anthropic", **tokens)


def provider(preset="openai", with_key=True, **fields):
    row = Provider.objects.create(name="main", preset=preset, **fields)
    if with_key:
        key(row)
    return row


def held(kind="overloaded", seconds=300, model="m", ago=0, **fields):
    now = timezone.now()
    failed = now - timedelta(seconds=ago)
    HealthState.objects.create(
        provider="main", actual_model=model, kind=kind, since=failed, failed_at=failed, stamp=1,
        until=now + timedelta(seconds=seconds), **fields,
    )  # fmt: skip


def told():
    rows = Held().of("main")
    state = state_of(Provider.objects.get(name="main"), rows, timezone.now())
    return state.tone, state.words, last_error_of(rows)


def test_nothing_held_against_it():
    """A provider that can be called and has not failed is healthy."""
    provider()
    assert told() == ("ok", "healthy", "")


def test_what_cools_is_told_with_its_end():
    """The longest wait counts; the newest failure is the last error."""
    provider()
    held(words="slow down", ago=5)
    held("rate_limited", 100_000, "n", ago=9)
    tone, words, error = told()
    assert tone == "warn" and words.startswith("cooling until ")
    assert words.removeprefix("cooling until ")[2] == " "  # not today any more: the day
    assert error == "overloaded: slow down"


def test_a_cooling_that_ends_today_is_told_by_the_clock():
    """Hours, minutes and seconds where the day is the same."""
    noon = timezone.now().replace(hour=12, minute=0, second=0)
    cooling = HealthState(provider="main", kind="overloaded", until=noon + timedelta(minutes=5))
    assert state_of(provider(), [cooling], noon).words == f"cooling until {timezone.localtime(cooling.until):%H:%M:%S}"


def test_what_is_over_is_to_be_tried():
    """When a wait has ended nobody knows yet whether it is well, as chains say it; what failed last is told."""
    provider()
    held("timed_out", -1)
    assert told() == ("info", "to be tried", "timed out")


def test_one_key_of_several_does_not_bench_its_provider():
    """While another key or account opens it its calls take that; when none is left, or a model cools, it cools."""
    row = provider(preset="anthropic")
    key(row, label="spare")
    first, second = row.credentials.order_by("pk")
    held("rate_limited", model="", credential_id=first.pk)
    assert told()[:2] == ("info", "a key cools")
    held("rate_limited", model="n", credential_id=second.pk)
    assert told()[0] == "warn"
    second.enabled = False
    second.save()
    account(row, state=OAuthToken.NEEDS_SIGN_IN, access="sealed")
    held("rate_limited", model="", credential_id=first.pk)
    assert told()[0] == "warn", "what is off or waits for a sign-in opens nothing"
    OAuthToken.objects.update(state=OAuthToken.ACTIVE)
    assert told()[:2] == ("info", "a key cools")
    HealthState.objects.update(credential_id=OAuthToken.objects.get().credential_id)
    Credential.objects.update(enabled=True)
    assert told()[:2] == ("info", "an account cools")
    held()
    assert told()[0] == "warn"


@pytest.mark.parametrize(("kind", "words"), [("refused_key", "key refused"), ("quota", "quota used up")])
def test_what_needs_somebody_comes_before_what_passes_by_itself(kind, words):
    """Though another model cools longer; when it is over it is over."""
    provider()
    held(kind, 60, "")
    held("overloaded", 600)
    assert told()[:2] == ("bad", words)
    HealthState.objects.filter(kind=kind).update(until=timezone.now())
    assert told()[0] == "warn"


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"preset": "nobody"}, "unknown preset"), ({"preset": "openai"}, "needs a key"), ({"enabled": False}, "off")],
)
def test_what_it_lacks_comes_before_its_health(fields, words):
    """Whether it is on and can be called at all is told first."""
    provider(with_key=False, **fields)
    held()
    assert told()[1] == words


def test_a_long_error_is_cut():
    """Eighty characters are enough for a list."""
    now = timezone.now()
    long = HealthState(pk=1, kind="overloaded", words="x" * 200, failed_at=now)
    assert last_error_of([long]) == f"overloaded: {'x' * 67}…"
    assert last_error_of([long, HealthState(pk=2, kind="refused_key", failed_at=now)]) == "refused key"
    assert last_error_of([]) == ""


@pytest.mark.parametrize(
    ("preset", "headers", "words"),
    [
        ("openai", {}, "needs a key"),
        ("anthropic", {}, "needs a key or sign-in"),
        ("codex", {}, "needs sign-in"),
        ("code-assist", {}, "needs sign-in"),
        ("nobody", {}, ""),
        ("ollama", {}, ""),
        ("echo", {}, ""),
        ("vertex-ai", {}, ""),
        ("openai", {"Authorization": "Bearer x"}, ""),
    ],
)
def test_what_each_preset_needs(preset, headers, words):
    """Without a credential: what the preset says; a header that signs in is enough."""
    assert lack_of(Provider.objects.create(name="main", preset=preset, headers=headers)) == words


def test_a_key_is_enough_unless_it_is_switched_off():
    """Only enabled keys count."""
    row = Provider.objects.create(name="main", preset="openai")
    key(row, enabled=False)
    assert lack_of(row) == "needs a key"
    key(row)
    assert lack_of(row) == ""


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ({}, "needs sign-in"),
        ({"state": OAuthToken.NEEDS_SIGN_IN, "access": "sealed"}, "needs sign-in"),
        ({"state": OAuthToken.ACTIVE, "access": ""}, "needs sign-in"),
        ({"state": OAuthToken.ACTIVE, "access": "sealed"}, ""),
    ],
)
def test_an_account_counts_while_somebody_is_signed_in(tokens, words):
    """An account that waits for a sign-in opens nothing; a key beside it does."""
    row = Provider.objects.create(name="main", preset="anthropic")
    account(row, **tokens)
    assert lack_of(row) == words
    key(row)
    assert lack_of(row) == ""
