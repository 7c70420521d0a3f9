"""What clients saw of a drill: how their requests ended, when content came, and what was paid twice.

Made of the request history: a request was hit when an attempt of it bears the drill's number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import Avg, QuerySet, Sum

from proxy.models import AttemptLog, Drill, RequestLog
from proxy.record import LOST, OPEN

DAY = timedelta(days=1)
SLACK = timedelta(minutes=2)
"""How far the clocks of two hosts may be apart."""
MAX_TIMES = 50_000
"""The newest so many requests are enough for a median."""


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds to the first content: of how many requests, the middle one, and the slowest but for 5 %."""

    requests: int
    median_ms: int | None
    p95_ms: int | None

    def __str__(self) -> str:
        if self.median_ms is None or self.p95_ms is None:
            return "no request had content"
        return f"median {_seconds(self.median_ms)}, p95 {_seconds(self.p95_ms)} ({_counted(self.requests, 'request')})"


@dataclass(frozen=True, slots=True)
class DrillReport:
    """The numbers of one drill so far."""

    requests: int
    """Hit, that is: with an attempt that failed on purpose."""
    served: int
    """Unseen by the client: another target answered before any content was sent."""
    continued: int
    """Another target went on with a stream that was cut."""
    lost_turns: int
    """Ended with an error event after content."""
    failed: int
    """Got an error and nothing else."""
    client_gone: int
    unfinished: int
    """Still running, or their process died."""
    first_content: Times
    first_content_before: Times
    """The same key's requests of the day before, drilled ones left out."""
    cut_attempts: int
    """Calls that were really made and paid, and whose answer was cut."""
    tokens_in: int
    tokens_out: int
    """What these used, as far as it is known."""
    cuts_without_tokens_in: int
    """Of them, those that were cut before the provider told the prompt's tokens."""
    cost_usd: Decimal | None
    cost_each_usd: Decimal | None
    cost_each_before_usd: Decimal | None


def report_of(drill: Drill) -> DrillReport:
    """The report of a drill, running or over."""
    hit = _hit(drill)
    outcomes = Counter(hit.values_list("outcome", flat=True))
    continued = _continued(drill, hit)
    before = _before(drill)
    cuts = AttemptLog.objects.filter(request__in=hit.values("pk"), drill=drill.pk, tokens_out__isnull=False)
    used = cuts.aggregate(tokens_in=Sum("tokens_in", default=0), tokens_out=Sum("tokens_out", default=0))
    costs = hit.aggregate(whole=Sum("cost_usd"), each=Avg("cost_usd"))
    return DrillReport(
        requests=sum(outcomes.values()),
        served=outcomes["ok"] - continued,
        continued=continued,
        lost_turns=outcomes["interrupted"],
        failed=outcomes["error"],
        client_gone=outcomes["client_gone"],
        unfinished=outcomes[OPEN] + outcomes[LOST],
        first_content=_times(hit),
        first_content_before=_times(before),
        cut_attempts=cuts.count(),
        **used,
        cuts_without_tokens_in=cuts.filter(tokens_in=None).count(),
        cost_usd=costs["whole"],
        cost_each_usd=costs["each"],
        cost_each_before_usd=before.aggregate(each=Avg("cost_usd"))["each"],
    )


def told(report: DrillReport) -> list[tuple[str, str]]:
    """The report as lines of a name and what there is to say."""
    if not report.requests:
        return [("Requests hit", "none yet: no request of this key met the fault")]
    lines = [
        ("Requests hit", f"{report.requests}"),
        ("Served by another target", f"{report.served}"),
        ("Went on elsewhere after the cut", f"{report.continued}"),
        ("Lost turns (ended with an error event)", f"{report.lost_turns}"),
        ("Failed (got an error only)", f"{report.failed}"),
    ]
    if report.client_gone:
        lines.append(("The client left", f"{report.client_gone}"))
    if report.unfinished:
        lines.append(("Without an end yet", f"{report.unfinished}"))
    lines += [
        ("Time to first content", str(report.first_content)),
        ("The day before, undrilled", str(report.first_content_before)),
        ("Paid for and cut", _paid(report)),
    ]
    if report.cost_usd is not None:
        lines.append(("Cost of the requests hit", _cost(report)))
    return lines


def _paid(report: DrillReport) -> str:
    if not report.cut_attempts:
        return "nothing: the provider was never called"
    unknown = report.cuts_without_tokens_in
    more = f"; the prompt's tokens are not known of {unknown}" if unknown else ""
    calls = _counted(report.cut_attempts, "call")
    return f"{calls}: {report.tokens_in:,} tokens in, {report.tokens_out:,} tokens out{more}"


def _cost(report: DrillReport) -> str:
    before = report.cost_each_before_usd
    usual = f", ${before:.4f} each the day before" if before is not None else ""
    return f"${report.cost_usd:.4f}, ${report.cost_each_usd:.4f} each{usual}"


def _hit(drill: Drill) -> QuerySet[RequestLog]:
    # The times spare a look at the whole history: a request begins while the drill runs, or is not hit.
    span = (drill.started_at - SLACK, drill.ended_at + SLACK)
    ids = AttemptLog.objects.filter(request__time__range=span, drill=drill.pk).values("request")
    return RequestLog.objects.filter(pk__in=ids).order_by()


def _continued(drill: Drill, hit: QuerySet[RequestLog]) -> int:
    cut = AttemptLog.objects.filter(request__in=hit.values("pk"), drill=drill.pk, outcome="interrupted")
    return cut.filter(request__outcome="ok").values("request").distinct().count()


def _before(drill: Drill) -> QuerySet[RequestLog]:
    key = drill.client_key.name if drill.client_key else ""
    span = (drill.started_at - DAY, drill.started_at)
    drilled = AttemptLog.objects.filter(request__time__range=span, drill__isnull=False).values("request")
    rows = RequestLog.objects.filter(time__range=span, client_key=key, operation="messages").order_by()
    return rows.exclude(pk__in=drilled)


def _times(rows: QuerySet[RequestLog]) -> Times:
    timed = rows.filter(first_content_ms__isnull=False)
    found = timed.order_by("-pk").values_list("first_content_ms", flat=True)[:MAX_TIMES]
    newest = sorted(ms for ms in found if ms is not None)
    return Times(len(newest), _percentile(newest, 50), _percentile(newest, 95))


def _percentile(ordered: Sequence[int], share: int) -> int | None:
    """The smallest value that `share` percent of them do not exceed."""
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else None


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
