"""What the page of one request shows: its attempts on one axis of time, why it went so, its captured text. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from providers.errors import in_words
from proxy.figures import seconds
from proxy.models import AttemptLog, RequestLog
from proxy.record import OPEN

SHOWN_CHARACTERS = 100_000
"""Of a captured text, on the page; all of it is a download."""
TONES = {"ok": "ok", "open": "info", "client_gone": "info", "incapable": "info", "interrupted": "warn"}
"""The colour of an outcome; of all others it is "bad"."""
_GOES_ON = re.compile(r"^goes on at (.+) after (\d+) characters$")


@dataclass(frozen=True, slots=True)
class Bar:
    """One upstream call on the axis; places are percent of the request's time."""

    entry: AttemptLog
    tone: str
    outcome: str
    start: float
    width: float
    content: float | None
    """Where its first content came; None when none did."""
    waited_ms: int
    """Between the end of the call before (or the request's begin) and this one."""
    key: str
    cost: str
    seam: str
    """Of a call that goes on with a broken answer: where it took over, in words."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """All calls of a request, and where its first content went to the client."""

    bars: tuple[Bar, ...]
    commit: float | None
    ticks: tuple[tuple[float, str], ...]


def failed_over(row: RequestLog) -> bool:
    """True of a request that was answered, though not by its first call."""
    return row.outcome == "ok" and row.attempts > 1


def timeline(row: RequestLog, entries: Sequence[AttemptLog]) -> Timeline:
    """The attempts of a request on one axis, from its begin to its end, or to what is known of one that still runs."""
    total = max([1, row.duration_ms, *(entry.started_ms + entry.duration_ms for entry in entries)])
    bars = tuple(_bars(row, entries, total))
    commit = None if row.first_content_ms is None else _place(row.first_content_ms, total)
    ticks = tuple((quarter * 25.0, seconds(total * quarter // 4)) for quarter in range(5))
    return Timeline(bars, commit, ticks)


def _bars(row: RequestLog, entries: Sequence[AttemptLog], total: int) -> Iterator[Bar]:
    ended, broken = 0, False
    for entry in entries:
        start = _place(entry.started_ms, total)
        length = entry.duration_ms or (total - entry.started_ms if entry.outcome == OPEN else 0)
        # Short calls stay visible; none sticks out at the right.
        width = min(max(_place(length, total), 0.6), 100.0)
        yield Bar(
            entry,
            TONES.get(entry.outcome, "bad"),
            "still running" if entry.outcome == OPEN else in_words(entry.outcome),
            min(start, 100.0 - width),
            width,
            None if entry.first_content_ms is None else _place(entry.first_content_ms, total),
            max(entry.started_ms - ended, 0),
            entry.key or "",
            shown_cost(entry.cost_usd, entry.outcome),
            _seam(row.why, f"{entry.provider}/{entry.actual_model}") if broken else "",
        )
        ended, broken = entry.started_ms + entry.duration_ms, broken or entry.outcome == "interrupted"


def _seam(why: str, target: str) -> str:
    for part in why.split("; "):
        if (found := _GOES_ON.match(part)) and found[1] == target:
            return f"goes on after {int(found[2]):,} characters"
    return "goes on with the broken answer"


def _place(ms: int, total: int) -> float:
    return round(min(max(ms / total, 0.0), 1.0) * 100, 2)


def why_parts(why: str) -> list[tuple[str, str]]:
    """The why line part by part, each with a word for what it tells: the route first, then what came, in order."""
    return [(_kind(part, place), part) for place, part in enumerate(part for part in why.split("; ") if part)]


def _kind(part: str, place: int) -> str:
    if place == 0:
        return "Route"
    if part.startswith("cooling: "):
        return "Put back"
    if _GOES_ON.match(part):
        return "Seam"
    if " drawn by weight " in part or part.startswith(("the session stays at ", "key ")):
        return "Choice"
    if re.match(r"^\S+/\S+: [a-z_]+(?: \d{3})?(?: \(drill\))?(?:,|$)", part):
        return "Try"
    return "Note"


def pretty(text: str) -> tuple[str, bool]:
    """A captured text for the page, JSON indented, and whether that is all of it."""
    with suppress(ValueError, RecursionError):  # cut at its limit, or never JSON: as it is
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return text[:SHOWN_CHARACTERS], len(text) <= SHOWN_CHARACTERS


def shown_cost(cost: Decimal | None, outcome: str) -> str:
    """A cost in dollars; of an answer that has no end, the least it can have been."""
    if cost is None:
        return "-"
    if 0 < cost < Decimal("0.00005"):
        return "< $0.0001"
    return f"${cost:.4f}" if outcome == "ok" or not cost else f"≥ ${cost:.4f}"


def ending(row: RequestLog) -> str:
    """What the words of a row's error are: what the client was told, or what became of the client; "" without any."""
    if not row.error:
        return ""
    if row.outcome == "client_gone":
        return "Nobody was there any more to hear the end:"
    if row.outcome == "interrupted":
        return "The answer had begun and could not be brought to its end. The client was told:"
    if row.outcome == "error" and row.attempts > 1:
        return f"None of {row.attempts} tries brought an answer. The client was told:"
    return "The client was told:" if row.outcome == "error" else ""


def _told_cost(row: RequestLog) -> str:
    """A cost in words where there is no number: an unknown one is no zero, and nobody called is no cost."""
    if row.cost_usd is not None or row.outcome == OPEN:
        return shown_cost(row.cost_usd, row.outcome)
    if not row.attempts:
        return ""
    tokens = row.input_tokens or row.output_tokens or row.cache_read_tokens or row.cache_write_tokens
    return "not known: a price is missing" if tokens else "not known: no provider told any tokens"


def facts(row: RequestLog) -> list[tuple[str, list[tuple[str, str]]]]:
    """Everything else that is known of a request, in groups of name and value; what is empty is left out."""
    groups: list[tuple[str, list[tuple[str, str]]]] = [
        (
            "Route",
            [
                ("Asked for", row.requested_model),
                ("Decided by", row.route),
                ("Logical model", row.logical_model),
                (
                    "Last tried" if row.outcome == "error" else "Served by",
                    f"{row.provider}/{row.actual_model}" if row.provider else "",
                ),
                ("Stop reason", row.stop_reason),
            ],
        ),
        (
            "Measured",
            [
                ("First content", "" if row.first_content_ms is None else seconds(row.first_content_ms)),
                ("Took", seconds(row.duration_ms)),
                ("Tokens in", f"{row.input_tokens:,}"),
                ("From the cache", f"{row.cache_read_tokens:,}"),
                ("Into the cache", f"{row.cache_write_tokens:,}"),
                ("Tokens out", f"{row.output_tokens:,}"),
                ("Cost", _told_cost(row)),
            ],
        ),
        (
            "Client",
            [
                ("Key", row.client_key or "none"),
                ("Agent", row.agent_id),
                ("Format", row.inbound_format),
                ("Operation", row.operation),
                ("Streamed", "yes" if row.stream else "no"),
            ],
        ),
    ]
    return [(title, [(name, value) for name, value in pairs if value]) for title, pairs in groups]
