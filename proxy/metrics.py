"""What this process counts for Prometheus: plain numbers, added where a record is handed over, some five
microseconds a request. Labels are names from the configuration and words of ours: no client can make new ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from proxy.record import RequestRecord

BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0)
"""Upper bounds of the histograms' buckets; one more has the rest."""
_BOUNDS_MS = tuple(bound * 1000 for bound in BOUNDS_S)

Request = tuple[str, str, str, str]
"""Operation, outcome, route, provider."""


@dataclass(slots=True)
class Times:
    """A histogram of seconds: how many per bucket, and the sum in milliseconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_ms: int = 0

    def add(self, ms: int) -> None:
        """Count one time."""
        self.counts[bisect_left(_BOUNDS_MS, ms)] += 1
        self.sum_ms += ms


@dataclass(slots=True)
class Meter:
    """Sums since the process began. Written by the event loop, read by a scrape."""

    requests: dict[Request, int] = field(default_factory=lambda: defaultdict(int))
    attempts: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    """By provider and outcome: ok, or the kind of failure."""
    tokens: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    """By provider and kind: input, output, cache_read, cache_write."""
    cost_usd: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    """By provider; of an answer that several gave in parts, the last one's."""
    first_content: dict[str, Times] = field(default_factory=lambda: defaultdict(Times))
    duration: dict[str, Times] = field(default_factory=lambda: defaultdict(Times))

    def ended(self, record: RequestRecord) -> None:
        """Count a request that is over, with its attempts."""
        provider, usage = record.provider, record.usage
        self.requests[record.operation, record.outcome, record.route, provider] += 1
        for attempt in record.attempts:
            self.attempts[attempt.provider, attempt.outcome] += 1
        if record.operation != "messages":
            return
        self.duration[provider].add(record.duration_ms)
        if record.first_content_ms is not None:
            self.first_content[provider].add(record.first_content_ms)
        if usage.input or usage.output or usage.cache_read or usage.cache_write:
            self.tokens[provider, "input"] += usage.input
            self.tokens[provider, "output"] += usage.output
            self.tokens[provider, "cache_read"] += usage.cache_read
            self.tokens[provider, "cache_write"] += usage.cache_write
        if record.cost_usd is not None:
            self.cost_usd[provider] += record.cost_usd


METER = Meter()
"""This process's own."""
