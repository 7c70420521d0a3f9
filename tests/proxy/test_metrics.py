"""/metrics: what is counted, what a scrape reads, and who may."""

from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ccmsite.light import LightHandler
from providers.wire.messages import Usage
from proxy import auth, snapshot
from proxy.errors import ApiError
from proxy.exposition import ProxyCollector, exposition
from proxy.logbook import Logbook
from proxy.metrics import BOUNDS_S, Meter, Times
from proxy.record import AttemptRecord, RequestRecord


def record(**fields):
    made = RequestRecord("req_1", "anthropic_messages", "messages", outcome="ok", route="default", provider="spare",
                         usage=Usage(10, 20, 30, 40), cost_usd=Decimal("0.5"), first_content_ms=300,
                         duration_ms=1_000)  # fmt: skip
    made.attempts = [AttemptRecord(1, "main", "m", "overloaded"), AttemptRecord(2, "spare", "m", "ok")]
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def samples(meter, book=None):
    families = ProxyCollector(meter, book or Logbook()).collect()
    return {
        (sample.name, *(value for name, value in sample.labels.items() if name != "process")): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_request_counts_with_its_attempts_tokens_cost_and_times():
    """Each failed call counts at its own provider, the rest at the one that answered."""
    meter = Meter()
    meter.ended(record())
    meter.ended(record(cost_usd=None, usage=Usage()))
    found = samples(meter)
    assert found["ccm_requests_total", "messages", "ok", "default", "spare"] == 2
    assert found["ccm_attempts_total", "main", "overloaded"] == found["ccm_attempts_total", "spare", "ok"] == 2
    tokens = [found["ccm_tokens_total", "spare", kind] for kind in ("input", "output", "cache_read", "cache_write")]
    assert tokens == [10, 20, 30, 40]
    assert found["ccm_cost_usd_total", "spare"] == 0.5
    assert found["ccm_duration_seconds_count", "spare"] == 2
    assert found["ccm_duration_seconds_sum", "spare"] == 2.0
    assert found["ccm_first_content_seconds_bucket", "spare", "0.25"] == 0
    assert found["ccm_first_content_seconds_bucket", "spare", "0.5"] == 2


def test_a_token_count_is_a_request_without_times():
    """Counts are told apart and touch neither tokens nor times."""
    meter = Meter()
    meter.ended(record(operation="count_tokens"))
    found = samples(meter)
    assert found["ccm_requests_total", "count_tokens", "ok", "default", "spare"] == 1
    assert not any(key[0].startswith(("ccm_duration", "ccm_tokens")) for key in found)


def test_a_bucket_holds_its_own_bound():
    """Prometheus' buckets are "at most": a time on the bound counts in it, a longer one in the next."""
    times = Times()
    for ms in (0, 100, 101, 640_000, 640_001):
        times.add(ms)
    assert (times.counts[0], times.counts[1], times.counts[-2], times.counts[-1]) == (2, 1, 1, 1)
    assert len(times.counts) == len(BOUNDS_S) + 1


def test_what_runs_and_what_waits_are_gauges(monkeypatch):
    """Requests that run, streams among them; the log's own trouble; how old the configuration is."""
    book = Logbook()
    book.begin(record(stream=True))
    book.begin(record(request_id="req_2"))
    monkeypatch.setattr(snapshot, "age", lambda: 2.5)
    found = samples(Meter(), book)
    assert (found["ccm_active_requests",], found["ccm_active_streams",]) == (2, 1)
    assert (found["ccm_log_waiting_rows",], found["ccm_log_dropped_rows",]) == (0, 0)
    assert found["ccm_snapshot_age_seconds",] == 2.5
    monkeypatch.setattr(snapshot, "age", lambda: None)
    assert samples(Meter(), book)["ccm_snapshot_age_seconds",] != samples(Meter(), book)["ccm_snapshot_age_seconds",]


def test_the_logbook_counts_each_record_that_it_is_handed(monkeypatch):
    """Also one that finds no room in the log is a request that was served."""
    meter = Meter()
    monkeypatch.setattr("proxy.logbook.METER", meter)
    monkeypatch.setattr("proxy.logbook.MAX_WAITING", 0)
    Logbook().put_nowait(record())
    assert sum(meter.requests.values()) == 1


def test_the_text_is_what_prometheus_reads():
    """Its own parser takes the whole, the process's memory included, and no name holds a model of a client."""
    families = {family.name: family for family in text_string_to_metric_families(exposition().decode())}
    assert families["ccm_requests"].type == "counter"
    assert families["ccm_duration_seconds"].type == "histogram"
    assert "process_resident_memory_bytes" in families
    for family in families.values():
        labels = {name for sample in family.samples for name in sample.labels} if family.name[:3] == "ccm" else set()
        assert labels <= {"process", "operation", "outcome", "route", "provider", "kind", "le"}


LOCAL, FORWARDED = {"host": "127.0.0.1:13456"}, {"host": "127.0.0.1:13456", "x-forwarded-for": "192.0.2.7"}
NEAR, FAR = "127.0.0.1", "192.0.2.7"


@pytest.mark.parametrize(
    ("token", "client", "headers", "shown", "status"),
    [
        ("", NEAR, LOCAL, "", 200),
        ("", FAR, LOCAL, "", 401),
        ("", FAR, LOCAL, "Bearer ", 401),
        ("", NEAR, FORWARDED, "", 401),
        ("", NEAR, {"host": "elsewhere.example"}, "", 400),
        ("s3cret", NEAR, LOCAL, "", 200),
        ("s3cret", FAR, LOCAL, "", 401),
        ("s3cret", FAR, LOCAL, "Bearer wrong", 401),
        ("s3cret", FAR, LOCAL, "Bearer \xe9", 401),
        ("s3cret", FAR, LOCAL, "Basic s3cret", 401),
        ("s3cret", FAR, LOCAL, "Bearer s3cret", 200),
        ("s3cret", FAR, {"host": "elsewhere.example"}, "bearer s3cret", 200),
    ],
)
def test_metrics_are_for_this_machine_or_who_shows_the_token(settings, token, client, headers, shown, status):
    """A forwarded request is from elsewhere, however near; a refusal names the setting."""
    settings.CCM_METRICS_TOKEN, settings.ALLOWED_HOSTS = token, ["127.0.0.1"]
    asked = {**headers, "authorization": shown} if shown else headers
    if status == 200:
        auth.check_scraper(asked, client)
        return
    with pytest.raises(ApiError) as refused:
        auth.check_scraper(asked, client)
    assert refused.value.status == status
    assert status == 400 or "CCM_METRICS_TOKEN" in refused.value.message


async def test_metrics_answer_without_a_database():
    """The light handler answers a scrape by itself, with GET only."""
    answers = []

    async def send(message):
        answers.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    for method in ("GET", "POST"):
        scope = {
            "type": "http", "method": method, "path": "/metrics", "query_string": b"", "client": (NEAR, 5),
            "headers": [(b"host", b"127.0.0.1")],
        }  # fmt: skip
        await LightHandler(None)(scope, receive, send)
    assert answers[0]["status"] == 200
    assert dict(answers[0]["headers"])[b"content-type"].startswith(b"text/plain; version=0.0.4")
    assert b"ccm_snapshot_age_seconds" in answers[1]["body"]
    assert answers[2]["status"] == 405
