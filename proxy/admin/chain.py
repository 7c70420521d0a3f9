"""A chain as people read it: a → b → c, each target with how it is, by what the health table says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from proxy.models import HealthState, ModelMapping

_REFUSED = "refused_key"


@dataclass(frozen=True, slots=True)
class Mark:
    """How a target is. `kind`: ok, info, warn or bad; `words`: beside the name (nothing for what is well).

    `more`: the whole story, for who points at it.
    """

    kind: str
    words: str
    more: str


WELL = Mark("ok", "", "nothing is held against it")


class Marks:
    """What the health table holds, read once, when it is first asked."""

    def of(self, row: ModelMapping) -> Mark:
        """The mark of one mapping's target: the worst of what is held against its model and its keys."""
        held = [*self._rows[row.provider.name, row.actual_model], *self._rows[row.provider.name, ""]]
        return max((_mark(one) for one in held), key=lambda mark: _ORDER.index(mark.kind), default=WELL)

    @cached_property
    def _rows(self) -> dict[tuple[str, str], list[HealthState]]:
        found: dict[tuple[str, str], list[HealthState]] = defaultdict(list)
        for row in HealthState.objects.all():
            found[row.provider, row.actual_model].append(row)
        return found


_ORDER = ("ok", "info", "warn", "bad")


def _mark(row: HealthState) -> Mark:
    failure = row.kind.replace("_", " ")
    whose = "a key of it" if row.credential_id else "the model"
    more = f"{whose}: {failure}" + (f": {row.words}" if row.words else "")
    if row.until <= timezone.now():
        return Mark("info", "to be tried", f"{more}; the cooldown is over, the next request tries it")
    until = timezone.localtime(row.until).strftime("%H:%M:%S")
    if row.kind == _REFUSED:
        return Mark("bad", "key refused", f"{more}; tried last until {until}")
    return Mark("warn", f"cooling until {until}", f"{more}; tried last until then")


def chain(rows: Iterable[ModelMapping], marks: Marks, linked: bool) -> SafeString | str:
    """The enabled mappings in order; those that share a place are joined by a plus sign, providers are links."""
    enabled = [row for row in rows if row.enabled]
    places = [[*place] for _, place in groupby(enabled, key=lambda row: row.priority)]
    if not places:
        return "nothing yet"
    shown = format_html_join(" → ", "{}", ((_place(place, marks, linked),) for place in places))
    return format_html('<span class="ccm-chain">{}</span>', shown)


def _place(place: Sequence[ModelMapping], marks: Marks, linked: bool) -> SafeString:
    return format_html_join(" + ", "{}", ((_target(row, marks.of(row), linked),) for row in place))


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
