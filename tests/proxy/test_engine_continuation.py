"""Streams that break after content and go on at the next target, over real sockets, for every client and upstream."""

import json
from dataclasses import replace

import httpx
import openai
import pytest

from proxy.config import StreamConfig
from tests import cast
from tests.live import config_of
from tests.proxy.test_engine import events_of

NATIVE, CHAT = "anthropic-compatible", "openai-compatible"
BODY = {"model": "smart", "max_tokens": 50, "stream": True, "messages": [{"role": "user", "content": "hi"}]}


def at(upstream, path, name="main", preset=NATIVE):
    return cast.target(name, preset=preset, base_url=f"{upstream.url}/{path}")


def post(live, **fields):
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(f"{live.url}/v1/messages", json={**BODY, **fields})


def text_of(answer):
    payloads = [event.payload() for event in events_of(answer.content)]
    return "".join(p["delta"].get("text", "") for p in payloads if p["type"] == "content_block_delta"), payloads


@pytest.mark.parametrize("second", [NATIVE, CHAT])
@pytest.mark.parametrize("first", [NATIVE, CHAT])
@pytest.mark.parametrize("fault", ["cutrst", "cutclose", "sse_error_mid/30"])
def test_the_next_target_goes_on(live, upstream, fault, first, second):
    """The client reads one answer with one start and one end; the log has both attempts and the seam."""
    targets = [at(upstream, fault, "dies", first), at(upstream, "ok", "goes-on", second)]
    live.configure(config_of({"smart": targets}))
    text, payloads = text_of(post(live))
    assert text == "Hello"
    kinds = [payload["type"] for payload in payloads]
    assert (kinds.count("message_start"), kinds[-1]) == (1, "message_stop")
    record = live.record()
    assert (record.outcome, record.provider) == ("ok", "goes-on")
    assert [attempt.outcome for attempt in record.attempts] == ["interrupted", "ok"]
    sent = "Hel" if first == NATIVE else "Hello"
    assert f"goes on at goes-on/glm-4.6 after {len(sent)} characters" in record.why
    assert record.usage.output > payloads[-2]["usage"]["output_tokens"] - 1 > 0
    asked = upstream.requests[-1].json["messages"]
    assert [turn["role"] for turn in asked] == ["user", "assistant", "user"]
    assert asked[1]["content"] == sent


@pytest.mark.parametrize("second", [NATIVE, CHAT])
@pytest.mark.parametrize("first", [NATIVE, CHAT])
def test_a_chat_client_reads_one_answer_too(live, upstream, first, second):
    """In Chat's dialect as well, native or not: one answer, one finish reason, the end mark."""
    live.configure(config_of({"smart": [at(upstream, "cutrst", "dies", first), at(upstream, "ok", "good", second)]}))
    with openai.OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as client:
        chunks = list(client.chat.completions.create(model="smart", messages=BODY["messages"], stream=True))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == "Hello"
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
    assert live.record().outcome == "ok"


def test_a_call_in_flight_is_not_gone_on_with(live, upstream):
    """Half a tool call cannot be mended: the stream ends with an error event, and nobody else is asked."""
    live.configure(config_of({"smart": [at(upstream, "cuttool"), at(upstream, "ok", "good")]}))
    names = [event.type for event in events_of(post(live).content)]
    assert names[-1] == "error" and "message_stop" not in names
    assert live.record().outcome == "interrupted"
    assert len(upstream.requests) == 1


def test_a_rest_that_breaks_as_well_goes_on_twice_at_most(live, upstream):
    """Two continuations, then the error event; the log counts three attempts."""
    targets = [at(upstream, "cutrst", name) for name in ("one", "two", "three", "four")]
    live.configure(config_of({"smart": targets}))
    names = [event.type for event in events_of(post(live).content)]
    assert names[-1] == "error" and names.count("message_start") == 1
    assert [attempt.outcome for attempt in live.record().attempts] == ["interrupted"] * 3


@pytest.mark.parametrize("fault", ["status/529", "status/400", "hang", "html200", "empty_answer"])
def test_a_target_that_cannot_go_on_is_passed_over(live, upstream, fault):
    """Whatever the second target does instead of answering, the third goes on; an empty rest ends the answer."""
    targets = [at(upstream, "cutrst", "one"), at(upstream, fault, "two"), at(upstream, "ok", "three")]
    live.configure(config_of({"smart": targets}))
    text, payloads = text_of(post(live))
    assert text == ("Hel" if fault == "empty_answer" else "Hello")
    assert payloads[-1]["type"] == "message_stop"
    assert live.record().outcome == "ok"


@pytest.mark.parametrize(("otherwise", "last"), [("error_event", "error"), ("cut", "content_block_delta")])
def test_the_setting_turns_it_off(live, upstream, otherwise, last):
    """Without continuation a broken stream ends as the other setting says."""
    config = config_of({"smart": [at(upstream, "cutrst"), at(upstream, "ok", "good")]})
    live.configure(replace(config, streams=StreamConfig(goes_on=False, otherwise=otherwise)))
    lines = [line for line in post(live).text.splitlines() if line.startswith("data:")]
    assert json.loads(lines[-1][5:])["type"] == last
    assert live.record().outcome == "interrupted"
    assert live.record().usage.output > 0
    if otherwise == "cut":
        live.wait_for(lambda: live.illegal)  # told by the server's thread, a moment later
        assert live.illegal == ["the stream ended without message_stop or an error event"]
        live.illegal.clear()
