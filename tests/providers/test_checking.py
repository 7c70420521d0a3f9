"""Trying providers, against a server that answers and misbehaves on a real socket."""

import json
import socket
from dataclasses import replace

import pytest

from providers import checking, client
from providers.checking import HINTS, TOKENS, check, check_all, fetch_models, hint_of, list_models
from providers.errors import FailureKind, UpstreamFailure
from providers.presets import ECHO_URL, PRESETS
from providers.targets import Secret
from tests.cast import KEY, failure, target
from tests.upstream import ScriptedUpstream
from tests.upstream_faults import FAULTS


@pytest.fixture
def upstream():
    with ScriptedUpstream() as server:
        yield server


@pytest.fixture(autouse=True)
async def closed_afterwards():
    yield
    await client.close()


def at(upstream, fault="", **fields):
    return target(base_url=f"{upstream.url}/{fault}" if fault else upstream.url, **fields)


async def test_a_provider_that_answers_is_ok(upstream):
    """One message of a token at most, with the key; the result has the model, the status and the listed models."""
    result = await check(at(upstream))
    assert (result.provider, result.model, result.ok, result.outcome, result.status) == (
        "main", "glm-4.6", True, "ok", 200,
    )  # fmt: skip
    assert (result.message, result.hint, result.models) == ("", "", ("m",))
    asked = {request.method: request for request in upstream.requests}
    assert asked["POST"].json["max_tokens"] == 1
    assert asked["POST"].headers["x-api-key"] == asked["GET"].headers["x-api-key"] == KEY


@pytest.mark.parametrize("preset", ["openai-compatible", "anthropic-compatible"])
async def test_without_a_model_the_first_listed_is_asked(upstream, preset):
    """A provider that nothing maps to is tried with what it offers."""
    result = await check(at(upstream, model="", preset=preset))
    assert (result.ok, result.model) == (True, "m")
    assert upstream.requests[-1].json["model"] == "m"


@pytest.mark.parametrize(
    ("fault", "outcome", "status", "hint"),
    [
        ("status/401", "refused_key", 401, "API key"),
        ("status/402", "quota", 402, "credit"),
        ("status/403", "refused_key", 403, "API key"),
        ("status/404", "no_such_model", 404, "Name a model"),
        ("status/429/retry-after/7", "rate_limited", 429, "later"),
        ("status/529", "overloaded", 529, "later"),
        ("html502", "overloaded", 502, "gateway"),
        ("html200", "garbled", 200, "base URL"),
        ("err200", "overloaded", 200, "later"),
        ("garbage", "garbled", 200, "base URL"),
        ("empty200", "garbled", 200, "base URL"),
        ("redirect", "garbled", 307, "base URL"),
        ("close", "unreachable", 0, "base URL"),
        ("nothttp", "unreachable", 0, "base URL"),
        ("hang", "timed_out", 0, "--timeout"),
        ("hdrhang", "timed_out", 0, "--timeout"),
    ],
)
async def test_each_fault_has_its_status_and_hint(upstream, fault, outcome, status, hint):
    """What went wrong is told by kind, status and a hint that names the fix."""
    result = await check(at(upstream, fault), seconds=0.5 if outcome == "timed_out" else 10)
    assert (result.ok, result.outcome, result.status) == (False, outcome, status), result
    assert hint in result.hint
    assert result.message and "<html" not in result.message


async def test_a_refused_connection_is_unreachable():
    """Nobody listens: the hint asks about base URL and server."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = await check(target(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert (result.ok, result.outcome, result.status) == (False, "unreachable", 0)
    assert "base URL" in result.hint


async def test_of_a_missing_model_the_listed_ones_are_named(upstream, monkeypatch):
    """The vendor lists its models and does not know ours: the hint says which to choose from."""

    async def only_the_list_is_there(exchange):
        if exchange.request.method == "GET":
            await exchange.json(200, {"data": [{"id": f"m{n}"} for n in range(7)]})
        else:
            await exchange.error(404, "model: glm-4.6")

    monkeypatch.setitem(FAULTS, "lists", only_the_list_is_there)
    result = await check(at(upstream, "lists"))
    assert (result.outcome, len(result.models)) == ("no_such_model", 7)
    assert result.hint == "Choose one of the models it lists: m0, m1, m2, m3, m4 and 2 more."


async def test_a_list_that_fails_does_not_fail_the_check(upstream, monkeypatch):
    """Many servers have no list; the message is what counts."""

    async def only_messages_are_there(exchange):
        ok = exchange.request.method == "POST"
        await (exchange.json(200, exchange.dialect.body()) if ok else exchange.error(404, "no such page"))

    monkeypatch.setitem(FAULTS, "nolist", only_messages_are_there)
    result = await check(at(upstream, "nolist"))
    assert (result.ok, result.models) == (True, ())
    nothing_to_ask = await check(at(upstream, "nolist", model=""))
    assert (nothing_to_ask.ok, nothing_to_ask.outcome, nothing_to_ask.model) == (False, "no_such_model", "")


async def test_a_model_that_needs_more_than_one_token_gets_more(upstream, monkeypatch):
    """A rejection is asked once more with room to think; a second one is the result."""

    async def picky(exchange):
        enough = exchange.asked.get("max_tokens", 0) > 1
        await (exchange.json(200, exchange.dialect.body()) if enough else exchange.error(400, "too few tokens"))

    monkeypatch.setitem(FAULTS, "picky", picky)
    assert (await check(at(upstream, "picky"))).ok
    result = await check(at(upstream, "status/400"))
    assert (result.outcome, result.status) == ("rejected", 400)
    limits = [request.json["max_tokens"] for request in upstream.requests if request.method == "POST"]
    assert limits == [*TOKENS, *TOKENS]


async def test_secrets_are_scrubbed_from_what_the_upstream_says(upstream):
    """Neither the key nor a sign-in header of its own comes back in the words of a 401."""
    by_key = await check(at(upstream, "echo-key"))
    by_header = await check(
        at(upstream, "echo-key", secret=Secret(""), extra_headers=(("Authorization", "Bearer sk-header-0123"),))
    )
    for result in (by_key, by_header):
        assert result.outcome == "refused_key" and "[secret removed]" in result.message
        assert KEY not in result.message and "sk-header" not in result.message


async def test_a_target_with_a_problem_is_not_called(upstream):
    """A key that is missing or cannot be unsealed is told without a call."""
    result = await check(at(upstream, problem="no API key is set; add one to the provider"))
    assert (result.ok, result.outcome, result.status, result.latency_ms) == (False, "refused_key", 0, 0)
    assert "no API key" in result.message and "API key" in result.hint
    assert not upstream.requests


async def test_a_setting_that_is_missing_is_named():
    """Vertex AI without a project cannot be addressed: the message says what to set."""
    result = await check(target(preset="vertex-ai", model="gemini-3-pro-preview"))
    assert (result.outcome, result.ok) == ("incapable", False)
    assert "project ID" in result.message and "setting" in result.hint


async def test_echo_answers_without_a_network():
    """The built-in provider is ok and lists itself."""
    result = await check(target(preset="echo", base_url=ECHO_URL, model="echo", secret=Secret("")))
    assert (result.ok, result.models) == (True, ("echo",))


async def test_a_list_that_cannot_be_had_says_why(upstream):
    """No list at all, a refused key and a page in its place are told apart; secrets stay inside."""
    for preset, fault, kind in (
        ("vertex-ai", "", FailureKind.INCAPABLE),
        ("anthropic-compatible", "echo-key", FailureKind.REFUSED_KEY),
        ("anthropic-compatible", "html200", FailureKind.GARBLED),
    ):
        with pytest.raises(UpstreamFailure) as raised:
            await list_models(at(upstream, fault, preset=preset))
        assert raised.value.failure.kind is kind
        assert KEY not in raised.value.failure.message


@pytest.mark.parametrize(
    ("preset", "answer"),
    [
        (
            PRESETS["openai-chat"],
            {"choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "length"}]},
        ),
        (
            PRESETS["openai"],
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": []},
        ),
        (PRESETS["gemini"], {"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}]}),
    ],
)
async def test_an_answer_that_was_cut_before_its_first_word_is_ok(upstream, monkeypatch, preset, answer):
    """A model that spends its one token on thinking has answered all the same."""

    async def cut(exchange, *_rest_of_the_path):
        await exchange.json(200, answer)

    monkeypatch.setitem(FAULTS, "cut", cut)
    result = await check(replace(at(upstream, "cut"), preset=preset))
    assert result.ok, result
    sent = next(json.loads(request.body) for request in upstream.requests if request.method == "POST")
    limit = sent.get("max_output_tokens") or sent.get("max_completion_tokens") or sent["generationConfig"]
    assert limit in (16, 1, {"maxOutputTokens": 1})


def test_every_kind_of_failure_has_a_hint():
    """The table is whole, and its hints end as sentences do."""
    assert set(HINTS) == set(FailureKind)
    assert all(hint.endswith((".", "?")) for hint in HINTS.values())
    assert hint_of(failure("no_such_model"), ["a", "b"]) == "Choose one of the models it lists: a, b."


def test_many_providers_are_tried_a_few_at_a_time(monkeypatch):
    """No more than the bound run together, and the results keep their order."""
    running, most = set(), []

    async def counted(one, seconds):
        running.add(one.provider)
        most.append(len(running))
        await checking.asyncio.sleep(0.01)
        running.discard(one.provider)
        return one.provider

    monkeypatch.setattr(checking, "check", counted)
    names = [f"p{n}" for n in range(20)]
    assert check_all([target(name) for name in names]) == names
    assert max(most) == checking.AT_ONCE


def test_from_a_thread_of_its_own_everything_is_closed_again(upstream):
    """The commands and the admin have no event loop: one is made, used and left without a connection."""
    assert [result.ok for result in check_all([at(upstream), at(upstream, "status/500")], 5)] == [True, False]
    assert fetch_models(at(upstream), 5) == ("m",)
