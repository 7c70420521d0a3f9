"""Thinking that is kept back until the next block begins: a failure is not seen, and nothing waits for ever."""

from dataclasses import replace

import httpx
import pytest

from providers.targets import Timeouts
from proxy.config import StreamConfig
from tests import cast
from tests.live import config_of, events_of

NATIVE, CHAT = "anthropic-compatible", "openai-compatible"
BODY = {
    "model": "smart", "max_tokens": 50, "stream": True, "thinking": {"type": "adaptive"},
    "messages": [{"role": "user", "content": "hi"}],
}  # fmt: skip


def at(upstream, path, name, preset=NATIVE):
    return cast.target(name, preset=preset, base_url=f"{upstream.url}/{path}", timeouts=Timeouts(2, 10, 10, 30))


def configured(live, *targets, seconds=20.0):
    live.configure(replace(config_of({"smart": targets}), streams=StreamConfig(hold_thinking_s=seconds)))


def post(live):
    with httpx.Client(trust_env=False, timeout=20) as client:
        return events_of(client.post(f"{live.url}/v1/messages", json=BODY).content)


def deltas(events):
    return [event.payload()["delta"]["type"] for event in events if event.type == "content_block_delta"]


@pytest.mark.parametrize("preset", [NATIVE, CHAT])
def test_thinking_that_breaks_off_is_not_seen(live, upstream, preset):
    """The client reads the next target's answer alone; the log has both attempts, and when each brought content."""
    configured(live, at(upstream, "think/1/cut", "breaks", preset), at(upstream, "ok", "good"))
    events = post(live)
    assert set(deltas(events)) == {"text_delta"}
    assert [event.type for event in events].count("message_start") == 1
    assert events[-1].type == "message_stop"
    record = live.record()
    assert (record.outcome, record.provider, record.attempts[-1].outcome) == ("ok", "good", "ok")
    assert all(attempt.outcome != "interrupted" for attempt in record.attempts)
    broken, good = record.attempts[0].first_content_ms, record.attempts[-1].first_content_ms
    assert broken <= good <= record.first_content_ms


@pytest.mark.parametrize("preset", [NATIVE, CHAT])
def test_without_the_setting_it_is_passed_on_as_it_comes(live, upstream, preset):
    """Thinking that the client has seen cannot be taken back: the stream ends with an error event."""
    configured(live, at(upstream, "think/1/cut", "breaks", preset), at(upstream, "ok", "good"), seconds=0)
    events = post(live)
    assert "thinking_delta" in deltas(events) and events[-1].type == "error"


@pytest.mark.parametrize("preset", [NATIVE, CHAT])
def test_nothing_of_an_answer_is_lost(live, upstream, preset):
    """What was kept back comes with the block after it, in its order."""
    configured(live, at(upstream, "think/1", "thinks", preset))
    kinds = deltas(post(live))
    assert kinds.count("thinking_delta") == 5 and kinds[-2:] == ["text_delta"] * 2
    assert live.record().outcome == "ok"


def test_pings_keep_the_client_alive_meanwhile(live, upstream, monkeypatch):
    """The 200 and its pings go out while thinking is kept back, and the failure is still not seen."""
    monkeypatch.setattr("proxy.engine.PING_EVERY_S", 0.1)
    configured(live, at(upstream, "think/100/cut", "breaks"), at(upstream, "ok", "good"))
    events = post(live)
    assert events[0].type == "ping" and events[-1].type == "message_stop"
    assert set(deltas(events)) == {"text_delta"}


def first_bytes(live, wanted):
    """Read until `wanted` has come, then leave."""
    with (
        httpx.Client(trust_env=False, timeout=8) as client,
        client.stream("POST", f"{live.url}/v1/messages", json=BODY) as answer,
    ):
        seen = b""
        for chunk in answer.iter_raw():
            seen += chunk
            if wanted in seen:
                return True
    return False


def test_a_model_that_thinks_in_silence_is_let_through_in_time(live, upstream):
    """When the seconds are over, what is there goes out, though the upstream says nothing more."""
    configured(live, at(upstream, "think/1/hang", "thinks"), seconds=0.2)
    assert first_bytes(live, b"thinking_delta")
    assert live.record().outcome == "client_gone"
    assert live.record().provider == "thinks"


def test_long_thinking_is_let_through(live, upstream, monkeypatch):
    """Only so many bytes are kept back."""
    monkeypatch.setattr("proxy.stream_run.MAX_HELD_BACK", 600)
    configured(live, at(upstream, "think/20/hang", "thinks"))
    assert first_bytes(live, b"thinking_delta")


def test_silence_while_it_is_kept_back_moves_on(live, upstream):
    """Thinking that falls silent beyond the idle limit is given up, unseen."""
    silent = replace(at(upstream, "think/1/hang", "silent"), timeouts=Timeouts(2, 10, 0.3, 30))
    configured(live, silent, at(upstream, "ok", "good"))
    assert set(deltas(post(live))) == {"text_delta"}
    first = live.record().attempts[0]
    assert (first.outcome, first.message) == ("timed_out", "the upstream fell silent for 0.3 s")
