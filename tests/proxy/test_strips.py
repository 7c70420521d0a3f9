"""The last 24 hours of each provider, and its health."""

from datetime import UTC, datetime, timedelta

import pytest

from providers.models import Provider
from proxy import log_rows
from proxy.models import Drill, HealthState
from proxy.pages.strips import FAULTS, QUIET_SHOWN, Hour, parted, strips
from proxy.record import AttemptRecord, RequestRecord

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, 15, 20, tzinfo=UTC)


def ask(number, minutes_ago, outcome, *calls):
    """One request and its calls, each told as (provider, how it ended)."""
    log_rows.write(
        [
            RequestRecord(
                f"req_{number}", "anthropic_messages", "messages", time=NOW - timedelta(minutes=minutes_ago),
                outcome=outcome, provider=calls[-1][0], actual_model="m",
                attempts=[AttemptRecord(n, name, "m", how) for n, (name, how) in enumerate(calls, start=1)],
            )
        ]
    )  # fmt: skip


def cooling(provider, model, minutes, kind="overloaded", words=""):
    HealthState.objects.create(
        provider=provider, actual_model=model, kind=kind, words=words, since=NOW, failed_at=NOW,
        until=NOW + timedelta(minutes=minutes), stamp=1,
    )  # fmt: skip


def strip_of(name):
    return next(strip for strip in strips(NOW) if strip.name == name)


def test_a_call_that_fails_counts_for_the_provider_that_failed():
    """An outage is seen at the provider that was away, not only at the one that helped out."""
    Provider.objects.create(name="first", preset="echo")
    ask(1, 5, "ok", ("first", "overloaded"), ("second", "ok"))
    ask(2, 6, "ok", ("first", "ok"))
    ask(3, 7, "error", ("first", "timed_out"), ("second", "rate_limited"))
    first, second = strips(NOW)
    assert first.hours[-1] == Hour(NOW.replace(minute=0), answered=1, covered=1, failed=1)
    assert second.hours[-1] == Hour(NOW.replace(minute=0), answered=1, covered=0, failed=1)
    assert (first.url, second.url) == (f"/admin/providers/provider/{Provider.objects.get().pk}/change/", "")
    assert (first.summary, second.summary) == ("33.3 % of 3 calls answered", "50.0 % of 2 calls answered")


def test_what_is_not_the_providers_fault_is_not_held_against_it():
    """A request that no provider would take, a limit of our own, a client that left."""
    assert not {"rejected", "too_long", "busy", "client_gone", "incapable", "ok"} & set(FAULTS)
    Provider.objects.create(name="main", preset="echo")
    ask(1, 5, "error", ("main", "rejected"))
    ask(2, 5, "client_gone", ("main", "client_gone"))
    assert strip_of("main").hours[-1].calls == 0
    assert strip_of("main").summary == "no calls"


def test_a_strip_has_24_hours_the_last_of_which_runs():
    """What is older is not in it; an hour without calls says so."""
    Provider.objects.create(name="main", preset="echo")
    ask(1, 24 * 60, "ok", ("main", "overloaded"), ("main", "ok"))
    ask(2, 22 * 60, "ok", ("main", "overloaded"), ("main", "ok"))
    hours = strip_of("main").hours
    assert len(hours) == 24
    assert [hour.calls for hour in hours] == [0, 2] + [0] * 22
    assert hours[-1].title == "15:00: no calls"


def test_a_cell_shows_even_the_rare_failure():
    """The colours fill the cell; one failure in a thousand has a height that can be seen."""
    assert Hour(NOW).parts == ()
    assert Hour(NOW, answered=3).parts == (("ok", 100),)
    assert Hour(NOW, answered=1, covered=1).parts == (("warn", 50), ("ok", 50))
    for hour in (Hour(NOW, answered=999, failed=1), Hour(NOW, 1, 1, 5000), Hour(NOW, 1, 1, 1)):
        assert sum(height for _, height in hour.parts) == 100
        assert min(height for _, height in hour.parts) >= 12


def test_a_cell_says_in_words_what_it_shows():
    """Each kind of end with its count, as far as there is any."""
    assert Hour(NOW, 1200, 1, 2).title == (
        "15:20: 1,200 answered, 1 call failed, the request did not, 2 calls failed, and so did the request"
    )


def test_health_is_what_is_held_against_a_provider_now():
    """To be tried when a cooldown is over, models that cool, a key that is refused."""
    Provider.objects.create(name="main", preset="echo")
    cooling("main", "old", -1)
    assert (strip_of("main").health.tone, strip_of("main").health.label) == ("info", "to be tried")
    cooling("main", "m", 4, words="503: no capacity left")
    health = strip_of("main").health
    assert (health.tone, health.label) == ("warn", "cooling until 15:24:00")
    assert health.details == ("m until 15:24:00, overloaded: 503: no capacity left",)
    cooling("main", "", 9, "refused_key")
    health = strip_of("main").health
    assert (health.tone, health.label) == ("bad", "key refused")
    assert health.details[0] == "its key until 15:29:00, refused key"


def test_providers_that_are_out_of_use_are_shown_for_as_long_as_they_had_calls():
    """A disabled one and one that was removed say so; without calls they are not listed."""
    Provider.objects.create(name="off", preset="echo", enabled=False)
    Provider.objects.create(name="unused", preset="echo", enabled=False)
    ask(1, 5, "ok", ("off", "ok"))
    ask(2, 5, "ok", ("gone", "ok"))
    assert [(strip.name, strip.health.label) for strip in strips(NOW)] == [("gone", "removed"), ("off", "off")]


def test_many_quiet_providers_do_not_hide_the_others():
    """Those with calls or trouble keep their strips; a few quiet ones do so too."""
    for number in range(QUIET_SHOWN + 2):
        Provider.objects.create(name=f"p{number}", preset="echo")
    ask(1, 5, "ok", ("p0", "ok"))
    shown, quiet = parted(strips(NOW))
    assert ([line.name for line in shown], len(quiet)) == (["p0"], QUIET_SHOWN + 1)
    cooling("p3", "m", 5)
    shown, quiet = parted(strips(NOW))
    assert (len(shown), quiet) == (QUIET_SHOWN + 2, ())


def test_a_running_drill_is_told_beside_what_it_breaks():
    """A provider that answers nothing and is healthy all the same: the page says that somebody wants it so."""
    row = Drill(provider=Provider.objects.create(name="main", preset="echo"))
    row.run_for(timedelta(minutes=10))
    row.save()
    told = strip_of("main")
    assert told.health.label == "healthy" and not told.quiet
    assert told.health.details[0].startswith(
        f"Drill {row.pk} makes it fail on purpose for requests without a key until "
    )
    row.stop()
    assert strip_of("main").health.details == ()


def test_strips_take_six_queries(django_assert_num_queries):
    """However many providers there are."""
    for number in range(5):
        Provider.objects.create(name=f"p{number}", preset="echo")
    with django_assert_num_queries(6):
        assert len(strips(NOW)) == 5
