"""Token counts over real sockets: many at once, and in the measure of the client's window."""

import asyncio

import httpx
import pytest

from proxy.config import RouterConfig
from tests import cast
from tests.live import config_of

PATH = "/v1/messages/count_tokens"
DUMMY = [{"role": "user", "content": "foo"}]
TOOL = {"description": "Reads a file. " * 200, "input_schema": {"type": "object", "properties": {}}}


def parts():
    """What `/context` asks for: the system prompt, the conversation, and each tool by itself."""
    yield {"messages": DUMMY, "system": [{"type": "text", "text": "You help with code. " * 500}]}
    yield {"messages": [{"role": "user", "content": "Please read the file. " * 900}]}
    for number in range(24):
        yield {"messages": DUMMY, "tools": [{"name": f"Tool{number}", **TOOL}]}


def count(live, headers=None, **body):
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(
            live.url + PATH, json={"model": "smart", "messages": DUMMY, **body}, headers=headers or {}
        )  # fmt: skip


@pytest.mark.parametrize("preset", ["openai-compatible", "ollama"])
def test_26_counts_at_once_for_a_target_without_a_counter(live, upstream, preset):
    """All that `/context` asks at once is answered here, each with its own count; nobody else is called."""
    live.configure(config_of({"smart": [cast.target(preset=preset, base_url=f"{upstream.url}/ok")]}))

    async def ask():
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            return await asyncio.gather(
                *(client.post(live.url + PATH, json={"model": "smart", **part}) for part in parts())
            )

    answers = asyncio.run(ask())
    assert [answer.status_code for answer in answers] == [200] * 26
    counts = [answer.json()["input_tokens"] for answer in answers]
    assert counts[0] == pytest.approx(2500, rel=0.3)
    assert counts[1] == pytest.approx(4500, rel=0.3)
    assert all(count == pytest.approx(800, rel=0.3) for count in counts[2:])
    assert upstream.requests == []
    assert upstream.connections == 0
    assert live.record(26).outcome == "ok"


@pytest.mark.parametrize(
    ("window", "model", "headers", "factor"),
    [
        (50_000, "smart", {}, 4),
        (50_000, "smart[1m]", {}, 20),
        (50_000, "smart", {"anthropic-beta": "context-1m-2025-08-07"}, 20),
        (400_000, "smart", {}, 1),
        (None, "smart", {}, 1),
    ],
)
@pytest.mark.parametrize("preset", ["openai-compatible", "anthropic"])
def test_counts_are_told_in_the_measure_of_the_window_the_client_believes_in(
    live, upstream, window, model, headers, factor, preset
):
    """With the setting, estimates and upstream counts grow as the target's window is smaller; x-ccm-why says so."""
    target = cast.target(preset=preset, base_url=f"{upstream.url}/ok", context_window=window)
    models = {"smart": [target], "smart[1m]": [target]}
    live.configure(config_of(models))
    plain = count(live, headers, model=model)
    live.configure(config_of(models, router=RouterConfig(scale_counts=True)))
    scaled = count(live, headers, model=model)
    assert scaled.json()["input_tokens"] == plain.json()["input_tokens"] * factor > 0
    assert "told as" not in plain.headers["x-ccm-why"]
    assert ("told as" in scaled.headers["x-ccm-why"]) == (factor > 1)
