"""A chain as people read it: a → b → c, each target with how it is, by what the health table says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from proxy.health_words import TO_BE_TRIED, URGENT, Held, failure_told, until_told
from proxy.models import HealthState, ModelMapping
from proxy.provider_state import others_open, spared_told


@dataclass(frozen=True, slots=True)
class Mark:
    """How a target is. `kind`: ok, info, warn or bad; `words`: beside the name (nothing for what is well).

    `more`: the whole story, for who points at it.
    """

    kind: str
    words: str
    more: str


WELL = Mark("ok", "", "nothing is held against it")


_ORDER = ("ok", "info", "warn", "bad")


def mark_of(row: ModelMapping, held: Held) -> Mark:
    """The mark of one mapping's target: the worst of what is held against its model and its keys."""
    against = [one for one in held.of(row.provider.name) if one.actual_model in (row.actual_model, "")]
    marks = [_mark(one, row, held, against) for one in against]
    return max(marks, key=lambda mark: _ORDER.index(mark.kind), default=WELL)


def _mark(row: HealthState, mapping: ModelMapping, held: Held, against: Sequence[HealthState]) -> Mark:
    more = f"{held.subject(row) if row.credential_id else 'the model'}: {failure_told(row.kind, row.words)}"
    if row.until <= timezone.now():
        return Mark("info", TO_BE_TRIED, f"{more}; the cooldown is over, the next request tries it")
    until = until_told(row.until)
    cooling = [one for one in against if one.until > timezone.now()]
    if row.credential_id and others_open(mapping.provider, row, cooling):
        words = URGENT.get(row.kind) or spared_told(mapping.provider, row)
        return Mark("info", words, f"{more} until {until}; others serve meanwhile")
    if row.kind in URGENT:
        return Mark("bad", URGENT[row.kind], f"{more}; tried last until {until}")
    return Mark("warn", f"cooling until {until}", f"{more}; tried last until then")


def chain(rows: Iterable[ModelMapping], held: Held, linked: bool) -> SafeString | str:
    """The enabled mappings in order; those that share a place are joined by a plus sign, providers are links."""
    enabled = [row for row in rows if row.enabled]
    places = [[*place] for _, place in groupby(enabled, key=lambda row: row.priority)]
    if not places:
        return "nothing yet"
    shown = format_html_join(" → ", "{}", ((_place(place, held, linked),) for place in places))
    return format_html('<span class="ccm-chain">{}</span>', shown)


def _place(place: Sequence[ModelMapping], held: Held, linked: bool) -> SafeString:
    return format_html_join(" + ", "{}", ((_target(row, mark_of(row, held), linked),) for row in place))


def _target(row: ModelMapping, mark: Mark, linked: bool) -> SafeString:
    name: SafeString | str = row.provider.name
    if linked:
        name = format_html(
            '<a href="{}">{}</a>', reverse("admin:providers_provider_change", args=[row.provider_id]), name
        )
    off = "" if row.provider.enabled else format_html(' <span class="ccm-badge">{}</span>', "provider off")
    badge = format_html(' <span class="ccm-badge {}">{}</span>', mark.kind, mark.words) if mark.words else ""
    return format_html(
        '<span class="ccm-target" title="{}"><i class="ccm-dot {}" role="img" aria-label="{}"></i>{}/{}{}{}</span>',
        mark.more, mark.kind, mark.words or "well", name, row.actual_model, badge, off,
    )  # fmt: skip
