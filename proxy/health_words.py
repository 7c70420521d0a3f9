"""What the health table holds against providers, and the words for it: the same on every page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone
from django.utils.functional import cached_property

from providers.errors import FailureKind, in_words
from providers.models import Credential
from proxy.models import Drill, HealthState

URGENT = {FailureKind.REFUSED_KEY.value: "key refused", FailureKind.QUOTA.value: "quota used up"}
"""The kinds of failure that somebody has to do something about, as a badge says them; the others pass by themselves."""
TO_BE_TRIED = "to be tried"
"""What a badge says once a cooldown is over: nobody knows yet whether it is well."""


class Held:
    """What is held against each provider. The table is read once, when it is first asked."""

    def of(self, provider: str) -> Sequence[HealthState]:
        """The rows of one provider, what cools longest first; those whose cooldown is over too."""
        return self._rows.get(provider, ())

    def subject(self, row: HealthState) -> str:
        """Whom one of these rows is about, as `subject_told` says it; the keys are read once for all of them."""
        return _told(row, self._keys.get(row.credential_id))

    @cached_property
    def _keys(self) -> dict[int, Credential]:
        held = (row.credential_id for rows in self._rows.values() for row in rows if row.credential_id)
        return Credential.objects.in_bulk(set(held))

    @cached_property
    def _rows(self) -> dict[str, list[HealthState]]:
        found: dict[str, list[HealthState]] = defaultdict(list)
        for row in HealthState.objects.order_by("-until"):
            found[row.provider].append(row)
        return found


def failure_told(kind: str, words: str) -> str:
    """A failure with the upstream's words: "rate limited: slow down"."""
    return f"{in_words(kind)}: {words}" if words else in_words(kind)


def until_told(until: datetime, now: datetime | None = None) -> str:
    """A time by the clock, with its day when that is another one."""
    until, now = timezone.localtime(until), timezone.localtime(now)
    return f"{until:%H:%M:%S}" if until.date() == now.date() else f"{until:%d %b %H:%M}"


def cooling_told(row: HealthState) -> str:
    """Until when a row cools, or that the next request tries it."""
    return until_told(row.until) if row.until > timezone.now() else "over: the next request tries it"


def drill_told(row: Drill) -> str:
    """That a drill makes its provider fail, for whom and until when."""
    whom = f"the key {row.client_key}" if row.client_key else "requests without a key"
    return f"Drill {row.pk} makes it fail on purpose for {whom} until {until_told(row.ended_at)}."


def subject_told(row: HealthState) -> str:
    """Whom a row is about: the actual model, the account, the key by its last characters, or one with the other."""
    return _told(row, Credential.objects.filter(pk=row.credential_id).first() if row.credential_id else None)


def _told(row: HealthState, key: Credential | None) -> str:
    if not row.credential_id:
        return row.actual_model or "its key"  # a header opens the provider, or the machine
    if key is None:
        told = "a key that is gone"
    elif key.is_account:
        told = f"account {key}"
    else:
        told = str(key) if "key" in key.label.lower() else f"key {key}"
    return f"{row.actual_model} by {told}" if row.actual_model else told
