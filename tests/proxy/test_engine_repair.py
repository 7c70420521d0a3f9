"""Conversations that several vendors took part in, over real sockets: what each upstream is really sent."""

import httpx
import pytest

from proxy import origins
from tests import cast
from tests.live import config_of

ASK = {"role": "user", "content": "hi"}


@pytest.fixture(autouse=True)
def remembered(monkeypatch):
    memory = origins.Origins()
    monkeypatch.setattr("proxy.call.ORIGINS", memory)
    return memory


def at(upstream, path, name, preset="anthropic-compatible"):
    return cast.target(name, preset=preset, base_url=f"{upstream.url}/{path}")


def post(live, *history, stream=False, session=""):
    body = {"model": "smart", "max_tokens": 50, "messages": [ASK, *history, ASK], "stream": stream}
    with httpx.Client(trust_env=False, timeout=20) as client:
        headers = {"x-claude-code-session-id": session} if session else {}
        return client.post(f"{live.url}/v1/messages", json=body, headers=headers)


def said(signature):
    thought = {"type": "thinking", "thinking": "hm", "signature": signature}
    return {"role": "assistant", "content": [thought, {"type": "text", "text": "a"}]}


def thoughts(upstream):
    content = upstream.requests[-1].json["messages"][1]["content"]
    return [block["signature"] for block in content if block["type"] == "thinking"]


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_of_a_translated_upstream_is_kept_from_an_anthropic_one(live, upstream, stream):
    """A mark of ours in the history never reaches an Anthropic upstream, and the answer says what was done."""
    chat, native = at(upstream, "status/500", "chat", "openai-compatible"), at(upstream, "ok", "native")
    live.configure(config_of({"smart": [chat, native]}))
    answer = post(live, said("ccm1.WyJ4IixudWxsXQ"), stream=stream)
    assert answer.status_code == 200
    assert thoughts(upstream) == []
    assert "native/glm-4.6: thinking of another model dropped" in answer.headers["x-ccm-why"]


def test_a_signature_stays_with_its_maker(live, upstream, remembered):
    """Two vendors of the same format: each gets only the thinking it made, whoever comes first."""
    one, two = at(upstream, "ok", "one"), at(upstream, "ok", "two")
    live.configure(config_of({"smart": [one], "other": [two]}))
    remembered.note("made-by-two", "two")
    remembered.note("made-by-one", "one")
    assert post(live, said("made-by-one")).status_code == 200
    assert thoughts(upstream) == ["made-by-one"]
    assert post(live, said("made-by-two")).status_code == 200
    assert thoughts(upstream) == []


def test_on_failover_thinking_of_unknown_making_is_left_out(live, upstream, remembered):
    """The history was most likely made by the provider that has just failed; the next one would refuse it."""
    one, two = at(upstream, "status/529", "one"), at(upstream, "ok", "two")
    live.configure(config_of({"smart": [one, two]}))
    assert post(live, said("unknown")).status_code == 200
    assert thoughts(upstream) == []
    first = upstream.requests[0].json["messages"][1]["content"]
    assert first[0]["signature"] == "unknown"


def test_after_a_restart_a_shared_place_repairs_only_what_may_be_foreign(live, upstream):
    """With nothing remembered a session keeps its thinking where it always went; without a session nobody gets it."""
    one, two = (cast.target(name, base_url=f"{upstream.url}/ok", priority=1) for name in ("one", "two"))
    live.configure(config_of({"smart": [one, two]}))
    for number in range(6):
        assert post(live, said("unknown"), session=f"s-{number}").status_code == 200
        assert thoughts(upstream) == ["unknown"]
    assert len({record.provider for record in live.records}) == 2
    assert post(live, said("unknown")).status_code == 200
    assert thoughts(upstream) == []


def test_after_a_restart_a_session_that_fails_over_leaves_its_thinking(live, upstream):
    """Its home is down: the other of the same place gets the history without what it would refuse."""
    live.configure(config_of({"smart": [at(upstream, "status/529", "one"), at(upstream, "ok", "two")]}))
    assert post(live, said("unknown"), session="s").status_code == 200
    assert post(live, said("unknown"), session="s").headers["x-ccm-provider"] == "two"
    assert thoughts(upstream) == []


def test_thinking_without_a_mark_is_no_translated_upstream_s(live, upstream):
    """When a translated upstream fails, the one that speaks Messages gets the thinking that only it can have made."""
    chat, native = at(upstream, "status/500", "chat", "openai-compatible"), at(upstream, "ok", "native")
    live.configure(config_of({"smart": [chat, native]}))
    assert post(live, said("unknown")).status_code == 200
    assert thoughts(upstream) == ["unknown"]


@pytest.mark.parametrize("stream", [False, True])
def test_signatures_are_remembered_as_they_pass(live, upstream, remembered, stream):
    """What a provider signs, streamed or whole, is known to be its own."""
    live.configure(config_of({"smart": [at(upstream, "signed", "one")]}))
    answer = post(live, stream=stream)
    assert "sig-upstream" in answer.text
    assert remembered.maker("sig-upstream") == "one"


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_for_no_tokens_calls_nobody_it_has_no_use_for(live, upstream, stream):
    """Warming a cache is Anthropic's: a translated target answers it here, in the log as any other request."""
    live.configure(config_of({"smart": [at(upstream, "ok", "chat", "openai-compatible")]}))
    body = {"model": "smart", "max_tokens": 0, "messages": [ASK], "stream": stream}
    with httpx.Client(trust_env=False, timeout=20) as client:
        answer = client.post(f"{live.url}/v1/messages", json=body)
    assert answer.status_code == 200
    assert "max_tokens" in answer.text
    assert (live.record().outcome, len(live.record().attempts)) == ("ok", 1)
    assert upstream.requests == []
