"""A request of the console on its way: the engine's own run, told step by step."""

import asyncio
import json
from contextlib import aclosing
from decimal import Decimal

import pytest

from providers.wire.sse import SseDecoder
from proxy import snapshot
from proxy.console import run as console_run
from proxy.console.draft import Draft
from proxy.console.run import run
from proxy.pricing import PriceBook, Tariff, parse_price
from tests import cast
from tests.live import config_of

PATIENT = cast.Timeouts(20.0, 20.0, 20.0, 60.0)


def at(upstream, path, name="main", **fields):
    return cast.target(name, base_url=f"{upstream.url}/{path}", **fields)


def configure(*targets, **fields):
    snapshot._current = config_of({"smart": targets}, **fields)


def told(stream):
    """The console's events as (name, payload)."""
    decoder = SseDecoder()
    events = [*decoder.feed(stream), *decoder.finish()]
    return [(event.name, json.loads(event.data)) for event in events if not event.is_comment]


async def sent(draft):
    return told(b"".join([piece async for piece in run(draft)]))


def only(events, name):
    return [payload for kind, payload in events if kind == name]


async def test_a_streamed_answer_is_told_from_the_decision_to_the_cost(records, upstream):
    """The route first, then the attempt, then every Messages event as it is, then what it took."""
    configure(at(upstream, "ok"))
    events = await sent(Draft("smart", "hi"))
    assert [name for name, _ in events][:2] == ["decision", "attempt"]
    assert events[-1][0] == "summary"
    (decision,) = only(events, "decision")
    assert (decision["route"], decision["model"]) == ("default", "smart")
    assert decision["targets"] == [{"provider": "main", "actual_model": "glm-4.6", "key": "", "cooling": False}]
    types = [message["type"] for message in only(events, "message")]
    assert (types[0], types[-1]) == ("message_start", "message_stop")
    text = "".join(json.loads(m["json"]).get("delta", {}).get("text", "") for m in only(events, "message"))
    assert text == "Hello"
    last = only(events, "attempt")[-1]
    assert (last["outcome"], last["status"], last["number"]) == ("ok", 200, 1)
    summary = only(events, "summary")[0]
    assert (summary["outcome"], summary["provider"], summary["stop_reason"]) == ("ok", "main", "end_turn")
    assert summary["output_tokens"] > 0
    assert summary["first_content_ms"] is not None
    assert summary["request_id"] == decision["request_id"] == records[0].request_id


async def test_the_cost_is_told_where_it_is_known(records, upstream):
    """What the record says, in dollars; nothing where nobody knows the price."""
    configure(at(upstream, "ok"))
    assert (await sent(Draft("smart", "hi")))[-1][1]["cost_usd"] is None
    priced = PriceBook(mappings={("smart", "main", "glm-4.6"): Tariff(parse_price("1000 / 2000"))})
    configure(at(upstream, "ok"), prices=priced)
    cost = Decimal((await sent(Draft("smart", "hi")))[-1][1]["cost_usd"])
    assert cost == records[-1].cost_usd > 0


async def test_the_history_knows_it_by_its_agent(records, upstream):
    """The record is one like any other, of no client key, marked as the console's, refusals too."""
    configure(at(upstream, "ok"))
    await sent(Draft("smart", "hi"))
    await sent(Draft("smart", "hi", provider="nobody"))
    assert [(r.agent_id, r.client_key, r.operation, r.outcome) for r in records] == [
        ("console", "", "messages", "ok"), ("console", "", "messages", "error"),
    ]  # fmt: skip


async def test_a_whole_answer_comes_as_one_event(records, upstream):
    """Without streaming the same is told, the answer in one piece."""
    configure(at(upstream, "ok"))
    events = await sent(Draft("smart", "hi", stream=False))
    assert json.loads(only(events, "answer")[0]["json"])["content"][0]["text"] == "Hello"
    assert only(events, "message") == []
    assert only(events, "attempt")[-1]["outcome"] == "ok"
    assert only(events, "summary")[0]["output_tokens"] > 0
    assert upstream.requests[0].json["stream"] is False


@pytest.mark.parametrize("stream", [True, False])
async def test_a_failover_is_told_in_words(records, upstream, stream):
    """Both attempts are told with their outcomes, and the last word on why has the failure."""
    configure(at(upstream, "status/401"), at(upstream, "ok", "spare"))
    events = await sent(Draft("smart", "hi", stream=stream))
    ended = [attempt for attempt in only(events, "attempt") if attempt["outcome"]]
    assert [(a["number"], a["provider"], a["outcome"], a["status"]) for a in ended] == [
        (1, "main", "refused_key", 401), (2, "spare", "ok", 200),
    ]  # fmt: skip
    assert ended[0]["message"]
    assert "main/glm-4.6: refused_key 401" in events[-1][1]["why"]
    assert events[-1][1]["attempts"] == 2


@pytest.mark.parametrize("stream", [True, False])
async def test_a_failure_is_told_while_the_next_target_is_at_work(records, upstream, stream):
    """Nobody has to wait for the answer to see that the first target failed."""
    configure(at(upstream, "status/401"), at(upstream, "hang", "spare", timeouts=PATIENT))
    seen = []
    async with aclosing(run(Draft("smart", "hi", stream=stream))) as running:
        async for piece in running:
            seen += told(piece)
            if any(attempt["number"] == 2 for attempt in only(seen, "attempt")):
                break
    assert [a["outcome"] for a in only(seen, "attempt") if a["number"] == 1][-1] == "refused_key"
    assert [a["outcome"] for a in only(seen, "attempt") if a["number"] == 2] == [""]


@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_is_told_in_words(records, upstream, stream):
    """When every target failed the error and what is known come as events; nothing is raised."""
    configure(at(upstream, "status/401"))
    events = await sent(Draft("smart", "hi", stream=stream))
    (error,) = only(events, "error")
    assert error["message"]
    assert error["status"] == records[0].status
    assert events[-1][0] == "summary"
    assert events[-1][1]["outcome"] == "error"
    assert cast.KEY not in json.dumps(events)


async def test_a_stream_that_breaks_says_so_after_what_came(records, upstream):
    """What had come stays, the error follows, and the summary calls it interrupted."""
    configure(at(upstream, "cutrst"))
    events = await sent(Draft("smart", "hi"))
    assert only(events, "message")
    assert only(events, "error")
    assert events[-1][1]["outcome"] == "interrupted"


async def test_what_cannot_be_routed_is_told(records, upstream):
    """A model that nobody knows, a provider that does not serve it, no configuration: words instead of a decision."""
    configure(at(upstream, "ok"))
    for draft, words in ((Draft("nothing", "hi"), "not known"), (Draft("smart", "hi", provider="other"), "X-Provider")):
        events = await sent(draft)
        assert [name for name, _ in events] == ["error", "summary"]
        assert words in events[0][1]["message"]
    assert upstream.requests == []


async def test_without_a_configuration_it_says_so(records, monkeypatch):
    """A database that is away is an error in words, as clients are told it."""
    monkeypatch.setattr(snapshot, "watch", lambda: None)
    events = await sent(Draft("smart", "hi"))
    assert only(events, "error")[0]["status"] == 503


async def test_a_forced_provider_is_the_only_one_tried(records, upstream):
    """The targets of others are not in the list, and not called."""
    configure(at(upstream, "status/401"), at(upstream, "ok", "spare"))
    events = await sent(Draft("smart", "hi", provider="spare"))
    assert [target["provider"] for target in only(events, "decision")[0]["targets"]] == ["spare"]
    assert [attempt["provider"] for attempt in only(events, "attempt")][:1] == ["spare"]


async def test_a_cooling_target_is_shown_as_such(records, upstream):
    """What failed a moment ago is last in the list, and marked."""
    configure(at(upstream, "status/401"), at(upstream, "ok", "spare"))
    await sent(Draft("smart", "hi"))
    events = await sent(Draft("smart", "hi"))
    targets = only(events, "decision")[0]["targets"]
    assert [(target["provider"], target["cooling"]) for target in targets] == [("spare", False), ("main", True)]


async def test_the_sample_tool_reaches_the_upstream(records, upstream):
    """A tool call is shown like any other event."""
    configure(at(upstream, "tool"))
    events = await sent(Draft("smart", "hi", tools=True))
    assert upstream.requests[0].json["tools"][0]["name"] == "get_weather"
    assert any('"tool_use"' in message["json"] for message in only(events, "message"))


@pytest.mark.parametrize(("stream", "path"), [(True, "silent/20"), (True, "hang"), (False, "hang")])
async def test_whoever_leaves_cuts_the_upstream(records, upstream, stream, path):
    """Cancelled while it waits, before or after content, the run ends the call to the upstream and the record."""
    configure(at(upstream, path, timeouts=PATIENT))
    called = asyncio.Event()

    async def read():
        async for piece in run(Draft("smart", "hi", stream=stream)):
            if only(told(piece), "message") or (path == "hang" and only(told(piece), "attempt")):
                called.set()

    task = asyncio.create_task(read())
    await asyncio.wait_for(called.wait(), 10)
    assert await asyncio.to_thread(upstream.wait_for, lambda up: up.requests)
    task.cancel()
    await asyncio.wait({task})
    assert await asyncio.to_thread(upstream.wait_aborted)
    assert [record.outcome for record in records] == ["client_gone"]


async def test_a_reader_that_stops_between_two_pieces_cuts_it_too(records, upstream):
    """Closed while it is not waiting at all, the run still ends the call."""
    configure(at(upstream, "silent/20", timeouts=PATIENT))
    running = run(Draft("smart", "hi"))
    async for piece in running:
        if only(told(piece), "message"):
            break
    await running.aclose()
    assert await asyncio.to_thread(upstream.wait_aborted)


async def test_a_silence_is_kept_alive(records, upstream, monkeypatch):
    """Comments fill a long silence, so that no proxy in between gives up; they are no events."""
    monkeypatch.setattr(console_run, "ALIVE_EVERY_S", 0.0)
    configure(at(upstream, "hang", timeouts=PATIENT))
    async with aclosing(run(Draft("smart", "hi"))) as running:
        async for piece in running:
            if piece.startswith(b":"):
                break
    assert piece.endswith(b"\n\n")
    assert told(piece) == []
