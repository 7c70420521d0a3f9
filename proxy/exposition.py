"""The numbers of this process for Prometheus. Each has its process as a label: a scrape meets one of several."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from proxy import snapshot
from proxy.logbook import LOGBOOK, Logbook
from proxy.metrics import BOUNDS_S, METER, Meter, Times

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class ProxyCollector(Collector):
    """Reads a meter and a logbook when it is asked."""

    def __init__(self, meter: Meter, logbook: Logbook) -> None:
        self._meter = meter
        self._logbook = logbook

    def collect(self) -> Iterator[Metric]:
        """All families; those without a sample yet too."""
        meter, process = self._meter, str(os.getpid())
        yield _counter("ccm_requests", "Requests that are over", ("operation", "outcome", "route", "provider"),
                       meter.requests, process)  # fmt: skip
        yield _counter("ccm_attempts", "Upstream calls", ("provider", "outcome"), meter.attempts, process)
        yield _counter("ccm_tokens", "Tokens, as far as upstreams told", ("provider", "kind"), meter.tokens, process)
        cost = {(provider,): float(usd) for provider, usd in list(meter.cost_usd.items())}
        yield _counter("ccm_cost_usd", "Cost in US dollars, as far as prices are known", ("provider",), cost, process)
        yield _histogram("ccm_first_content_seconds", "Time to the first content", meter.first_content, process)
        yield _histogram("ccm_duration_seconds", "Time to the end of the answer", meter.duration, process)
        yield from self._gauges(process)

    def _gauges(self, process: str) -> Iterator[Metric]:
        book = self._logbook
        running = book.running
        age = snapshot.age()
        told = [
            ("ccm_active_requests", "Requests that run", len(running)),
            ("ccm_active_streams", "Streams that run", sum(record.stream for record in running)),
            ("ccm_log_waiting_rows", "Log rows in memory", book.waiting),
            ("ccm_log_spilled_rows", "Log rows in files", book.spilled),
            ("ccm_log_dropped_rows", "Log rows given up since the start", book.dropped),
            ("ccm_log_dropped_bodies", "Log rows without the body they should have", book.bodies_dropped),
            ("ccm_snapshot_age_seconds", "Since the configuration was last seen to be current; NaN: never",
             float("nan") if age is None else age),
        ]  # fmt: skip
        for name, words, value in told:
            family = GaugeMetricFamily(name, words, labels=["process"])
            family.add_metric([process], value)
            yield family


def exposition() -> bytes:
    """All of this process, its memory and CPU time included."""
    return generate_latest(_REGISTRY)


def _counter(
    name: str, words: str, labels: tuple[str, ...], values: Mapping[Any, float], process: str
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, words, labels=["process", *labels])
    for key, value in list(values.items()):
        family.add_metric([process, *key], value)
    return family


def _histogram(name: str, words: str, values: Mapping[str, Times], process: str) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, words, labels=["process", "provider"])
    bounds = [*(str(bound) for bound in BOUNDS_S), "+Inf"]
    for provider, times in list(values.items()):
        counts: Iterable[float] = accumulate(times.counts)
        family.add_metric([process, provider], list(zip(bounds, counts, strict=True)), times.sum_ms / 1000)
    return family


_REGISTRY = CollectorRegistry(auto_describe=False)
_REGISTRY.register(ProxyCollector(METER, LOGBOOK))
ProcessCollector(registry=_REGISTRY)
GCCollector(registry=_REGISTRY)
