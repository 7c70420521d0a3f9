"""The last 24 hours of each provider, hour by hour, and how it is now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from providers.errors import RULES
from providers.models import Provider
from proxy import stats
from proxy.figures import plural, share
from proxy.health_words import Held, drill_told, failure_told, until_told
from proxy.models import AttemptLog, Drill, HealthState
from proxy.provider_state import state_of

HOURS = 24
FAULTS = tuple(kind.value for kind, rule in RULES.items() if rule.cools != "no")
"""How a call ends by its provider's fault."""
QUIET_SHOWN = 5
"""So many providers without calls have a strip each; more are only named."""
_OK = "ok"


@dataclass(frozen=True, slots=True)
class Hour:
    """What came of a provider's calls in an hour.

    `covered`: calls that failed while their request was answered all the same; `failed`: those whose request failed.
    """

    start: datetime
    answered: int = 0
    covered: int = 0
    failed: int = 0

    @property
    def calls(self) -> int:
        """All of them."""
        return self.answered + self.covered + self.failed

    @property
    def title(self) -> str:
        """The hour in words."""
        when = f"{self.start:%H:%M}"
        if not self.calls:
            return f"{when}: no calls"
        told = [f"{self.answered:,} answered"]
        told += [f"{plural(self.covered, 'call')} failed, the request did not"] if self.covered else []
        told += [f"{plural(self.failed, 'call')} failed, and so did the request"] if self.failed else []
        return f"{when}: {', '.join(told)}"

    @property
    def parts(self) -> tuple[tuple[str, int], ...]:
        """The colours of the cell from above, each with its height in percent; what is there at all can be seen."""
        counts = (("bad", self.failed), ("warn", self.covered), ("ok", self.answered))
        there = [(tone, max(round(100 * count / self.calls), 12)) for tone, count in counts if count]
        if not there:
            return ()
        largest = max(range(len(there)), key=lambda number: there[number][1])
        rest = sum(height for number, (_, height) in enumerate(there) if number != largest)
        there[largest] = (there[largest][0], 100 - rest)
        return tuple(there)


@dataclass(frozen=True, slots=True)
class Health:
    """How a provider is now: the colour and words of its badge, and what is held against it."""

    tone: str
    label: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Strip:
    """A provider's line: its page is `url`, empty when the provider is gone."""

    name: str
    url: str
    health: Health
    hours: tuple[Hour, ...]

    @property
    def quiet(self) -> bool:
        """True when there is nothing to see: no calls, and nothing held against it."""
        return self.health.tone == "ok" and not self.health.details and not any(hour.calls for hour in self.hours)

    @property
    def summary(self) -> str:
        """The 24 hours in a few words."""
        calls = sum(hour.calls for hour in self.hours)
        if not calls:
            return "no calls"
        good = sum(hour.answered for hour in self.hours)
        return f"{share(good, calls)} of {plural(calls, 'call')} answered"


def parted(lines: Sequence[Strip]) -> tuple[tuple[Strip, ...], tuple[Strip, ...]]:
    """Those to show, and the quiet ones where they are so many that they would hide the others."""
    quiet = tuple(line for line in lines if line.quiet)
    if len(quiet) <= QUIET_SHOWN:
        return tuple(lines), ()
    return tuple(line for line in lines if not line.quiet), quiet


def strips(now: datetime, held: Held | None = None) -> tuple[Strip, ...]:
    """One for each provider that is enabled or had calls lately, by name.

    `held` is the health table, for who has read it already.
    """
    first = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    starts = [first + timedelta(hours=number) for number in range(HOURS)]
    hours = _hours(starts, now)
    held = held or Held()
    drills = {row.provider_id: row for row in Drill.running().select_related("client_key").order_by("-ends_at")}
    rows = {row.name: row for row in Provider.objects.prefetch_related("credentials__oauth")}
    names = sorted({name for name, row in rows.items() if row.enabled} | {name for name in hours if name})
    return tuple(
        Strip(
            name,
            reverse("admin:providers_provider_change", args=[rows[name].pk]) if name in rows else "",
            _health(rows.get(name), held, drills, now),
            tuple(hours.get(name) or [Hour(timezone.localtime(start)) for start in starts]),
        )
        for name in names
    )


def _health(row: Provider | None, held: Held, drills: Mapping[int, Drill], now: datetime) -> Health:
    if row is None:
        return Health("", "removed")
    against = held.of(row.name)
    details = [_detail(one, held, now) for one in against if row.enabled and one.until > now]
    details += [drill_told(drills[row.pk])] if row.pk in drills else []
    state = state_of(row, against, now)
    return Health(state.tone, state.words, tuple(details))


def _detail(row: HealthState, held: Held, now: datetime) -> str:
    return f"{held.subject(row)} until {until_told(row.until, now)}, {failure_told(row.kind, row.words)}"


def _hours(starts: Sequence[datetime], now: datetime) -> dict[str, list[Hour]]:
    answered = stats.grouped_series("provider", starts[0], now)
    covered, failed = _faults(starts[0])
    return {
        name: [
            Hour(
                timezone.localtime(start),
                points[number].totals.ok + points[number].totals.failed_over if (points := answered.get(name)) else 0,
                covered.get((name, start), 0),
                failed.get((name, start), 0),
            )
            for number, start in enumerate(starts)
        ]
        for name in {*answered, *(name for name, _ in (*covered, *failed))}
    }


def _faults(since: datetime) -> tuple[Mapping[tuple[str, datetime], int], Mapping[tuple[str, datetime], int]]:
    """Calls that failed by provider and hour: of requests that were answered, and of others."""
    covered: dict[tuple[str, datetime], int] = defaultdict(int)
    failed: dict[tuple[str, datetime], int] = defaultdict(int)
    # Only such requests can have one: so the calls of all the others are not even looked at.
    suspect = Q(request__attempts__gt=1) | ~Q(request__outcome=_OK)
    calls = AttemptLog.objects.filter(suspect, request__time__gte=since, outcome__in=FAULTS)
    for name, time, outcome in calls.order_by().values_list("provider", "request__time", "request__outcome").iterator():
        hour = time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        (covered if outcome == _OK else failed)[name, hour] += 1
    return covered, failed
