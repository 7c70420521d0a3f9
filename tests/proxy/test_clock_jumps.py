"""The clock of the machine jumps by a day, in the middle of a request and between two."""

import datetime
import time

import httpx
import pytest

from providers.targets import Timeouts
from proxy import engine, health_store, log_rows, record, request_id
from proxy.models import RequestLog
from tests import cast
from tests.live import config_of, events_of

BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
DAY = 86_400.0


@pytest.fixture
def wall(monkeypatch):
    """Moves every wall clock that the proxy reads, by so many seconds."""
    moved = [0.0]

    class Moved(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime.now(tz) + datetime.timedelta(seconds=moved[0])

    real, real_ns = time.time, time.time_ns
    monkeypatch.setattr(record, "datetime", Moved)
    monkeypatch.setattr(health_store, "datetime", Moved)
    monkeypatch.setattr(request_id.time, "time_ns", lambda: real_ns() + int(moved[0] * 1e9))
    monkeypatch.setattr(time, "time", lambda: real() + moved[0])

    def move(seconds):
        moved[0] += seconds

    return move


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_90_a_request_in_flight_does_not_notice(live, upstream, wall, jump):
    """No limit strikes early, the stream is whole, and the durations are those that passed."""
    target = cast.target("main", base_url=f"{upstream.url}/slow/30", timeouts=Timeouts(2, 2, 2, 20))
    live.configure(config_of({"smart": [target]}))
    url, told = live.url + "/v1/messages", b""
    with httpx.stream("POST", url, json={**BODY, "stream": True}, trust_env=False) as answer:
        for piece in answer.iter_bytes():
            if not told:
                wall(jump)
            told += piece
    assert events_of(told)[-1].type == "message_stop"
    found = live.record()
    assert found.outcome == "ok"
    assert 0 <= found.first_content_ms <= found.duration_ms < 10_000
    assert 0 <= found.attempts[0].duration_ms < 10_000


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_90_a_failed_target_cools_as_long_as_it_should(live, upstream, wall, monkeypatch, jump):
    """A day that did not pass neither ends the cooling nor makes it longer."""
    monkeypatch.setattr(engine.random, "random", lambda: 0.0)
    bad = cast.target("bad", base_url=f"{upstream.url}/status/429/retry-after/60")
    live.configure(config_of({"smart": [bad, cast.target("good", base_url=f"{upstream.url}/ok")]}))
    for number in (1, 2):
        assert httpx.post(live.url + "/v1/messages", json=BODY, trust_env=False).status_code == 200
        live.record(number)
        wall(jump)
    assert [[attempt.provider for attempt in one.attempts] for one in live.records] == [["bad", "good"], ["good"]]


@pytest.mark.django_db
@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_90_rows_keep_the_order_in_which_they_were_written(wall, jump):
    """The number of a row does not come from the clock, and neither does its request's id alone."""
    written = []
    for _ in range(3):
        one = record.RequestRecord(request_id.new_request_id(), "anthropic_messages", "messages", outcome="ok")
        log_rows.write([one])
        written.append(one.request_id)
        wall(jump)
    assert [row.request_id for row in RequestLog.objects.all()] == written[::-1]
    times = [row.time for row in RequestLog.objects.all()]
    assert sorted(times, reverse=jump > 0) == times
