"""A captured request sent again: to the chosen targets alone, logged as requests of their own."""

import json

import pytest

from providers import client
from proxy import health, logbook, replay
from proxy.replay import NotReplayable, replayed, request_of, targets_of
from tests import cast
from tests.live import config_of

BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}], "stream": False}


@pytest.fixture
def records(monkeypatch):
    """What is handed to the log, without a database."""
    found = []
    monkeypatch.setattr(logbook.LOGBOOK, "put_nowait", found.append)
    monkeypatch.setattr(logbook.LOGBOOK, "begin", lambda record: None)
    yield found
    health.BOARD.clear()


def at(upstream, path, name):
    named = (("x-name", name),)
    return cast.target(name, preset="anthropic-compatible", base_url=f"{upstream.url}/{path}", extra_headers=named)


async def sent(request, targets, config):
    try:
        return await replayed(request, targets, config, "req_first")
    finally:
        await client.close()


def test_a_captured_request_streams_when_it_is_sent_again():
    """Its other bytes stay as they were, and tags that are for the proxy alone are not sent."""
    body = json.dumps(BODY | {"system": "be kind<CCM-SUBAGENT-MODEL>x</CCM-SUBAGENT-MODEL>"})
    request = request_of(body)
    assert request.stream and json.loads(request.body) == BODY | {"system": "be kind", "stream": True}
    assert json.loads(request_of('{"model":"m","messages":[]}').body)["stream"] is True


@pytest.mark.parametrize("body", ["", "[]", '{"model": "smart", "messages": [{"role": "us', '{"model": "m"}', "\ud800"])
def test_what_was_cut_cannot_be_sent_again(body):
    """A text over the limit of capture lacks its end: the words say where the limit is."""
    with pytest.raises(NotReplayable, match="limit"):
        request_of(body)


def test_a_request_of_another_dialect_is_sent_again_in_messages():
    """What a Chat or Responses client said is asked in the words that all targets can be asked in."""
    for name, said in (("openai_chat", {"messages": BODY["messages"]}), ("openai_responses", {"input": "hi"})):
        request = request_of(json.dumps({"model": "smart", **said}), name)
        assert request.stream and request.source is None
        assert [turn["role"] for turn in json.loads(request.body)["messages"]] == ["user"]
    with pytest.raises(NotReplayable):
        request_of(json.dumps({"model": "smart", "messages": BODY["messages"]}), "openai_responses")


def test_every_target_is_offered_once():
    """By provider and model, in order, whatever logical models lead there."""
    one, two = cast.target("b", model="m"), cast.target("a", model="m")
    found = targets_of(config_of({"smart": [one, two], "other": [one]}))
    assert list(found) == ["a/m", "b/m"]


async def test_both_answers_come_with_their_records(upstream, records):
    """Two targets are asked at once; each answer is a request of its own that says what it repeats."""
    first, second = at(upstream, "ok", "first"), at(upstream, "ok", "second")
    answers = await sent(request_of(json.dumps(BODY)), [first, second], config_of({"smart": [first, second]}))
    assert [answer.problem for answer in answers] == ["", ""]
    assert all(answer.text for answer in answers)
    assert [answer.target for answer in answers] == [str(first), str(second)]
    assert {record.request_id for record in records} == {answer.record.request_id for answer in answers}
    for record in records:
        assert (record.agent_id, record.route, record.outcome, record.stream) == ("replay", "direct", "ok", True)
        assert record.why.startswith("a replay of req_first at ")
        assert len(record.attempts) == 1 and record.first_content_ms is not None


async def test_a_target_that_fails_is_not_replaced(upstream, records):
    """Nobody else is tried: the failure is the answer, and it is in the history."""
    bad, good = at(upstream, "status/400", "bad"), at(upstream, "ok", "good")
    (answer,) = await sent(request_of(json.dumps(BODY)), [bad], config_of({"smart": [bad, good]}))
    assert answer.problem and answer.text == ""
    assert [record.outcome for record in records] == ["error"]
    assert {entry.provider for entry in records[0].attempts} == {"bad"}


async def test_an_answer_too_large_is_given_up(upstream, records, monkeypatch):
    """No answer fills the memory: what came is shown, and the call is cut."""
    monkeypatch.setattr(replay, "MAX_ANSWER", 10)
    target = at(upstream, "ok", "first")
    (answer,) = await sent(request_of(json.dumps(BODY)), [target], config_of({"smart": [target]}))
    assert "larger than" in answer.problem
