"""Items 15 to 22 of the acceptance list, and 29 to 33 as far as they are about the service: over real sockets."""

import gzip
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from providers.targets import Timeouts
from proxy.config import KeyConfig
from proxy.models.client_key import digest_of
from tests.acceptance.answers import spoken
from tests.acceptance.bodies import BILLING, COUNT, WEB_SEARCH, agent, text, user
from tests.acceptance.transcript import MODELS, lines
from tests.cast import target
from tests.live import config_of, events_of

EVERY = ["anthropic", "openai-chat", "openai", "gemini"]
BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
SHORT = Timeouts(1, 0.4, 2, 20)

every_format = pytest.mark.parametrize("preset", EVERY)


def at(upstream, path, preset="anthropic", name="main", **fields):
    return target(name, MODELS.get(preset, "m"), preset, f"{upstream.url}/{path}", **fields)


def post(live, headers=None, path="/v1/messages", content=None, **fields):
    sent = json.dumps({**BODY, **fields}).encode() if content is None else content
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(live.url + path, content=sent, headers=headers or {})


def kinds(answer):
    return [event.type for event in events_of(answer.content)]


ERRORS = [
    (400, 400, "invalid_request_error"), (401, 502, "api_error"), (403, 502, "api_error"),
    (402, 429, "rate_limit_error"), (404, 404, "not_found_error"), (408, 504, "timeout_error"),
    (413, 400, "invalid_request_error"), (429, 429, "rate_limit_error"), (500, 529, "overloaded_error"),
    (503, 529, "overloaded_error"), (529, 529, "overloaded_error"),
]  # fmt: skip


@every_format
@pytest.mark.parametrize(("theirs", "status", "type_"), ERRORS)
def test_15_error_table(live, upstream, preset, theirs, status, type_):
    """Every upstream's errors come out in Anthropic's envelope, with the status that makes the client do right."""
    live.configure(config_of({"smart": [at(upstream, f"status/{theirs}/retry-after/7", preset)]}))
    for stream in (True, False):
        answer = post(live, stream=stream)
        assert (answer.status_code, answer.json()["error"]["type"]) == (status, type_)
        assert answer.json()["request_id"] == answer.headers["request-id"]
        if theirs == 429:
            assert answer.headers["retry-after"] == "7"


SPLIT = (
    "This model's maximum context length is 128000 tokens. However, you requested 150000 tokens (100000 in the "
    "messages, 50000 in the completion). Please reduce the length of the messages or completion."
)
LIMIT = "input length and `max_tokens` exceed context limit: 100000 + 50000 > 128000"


@every_format
def test_15_overflow_wordings(live, upstream, preset):
    """A prompt that is too long is told in the wording the client compacts on, or the one it lowers its limit on."""
    live.configure(config_of({"smart": [at(upstream, "toolong", preset)]}))
    words = post(live).json()["error"]["message"]
    numbers = "prompt is too long: 250000 tokens > 200000 maximum"
    assert words == ("capability_rejected: prompt_too_long" if preset == "openai" else numbers)
    error = {"message": SPLIT, "code": 400, "type": "invalid_request_error", "status": "INVALID_ARGUMENT"}
    upstream.play(json.dumps({"error": error}).encode(), 400, "application/json")
    live.configure(config_of({"smart": [at(upstream, "play", preset)]}))
    answer = post(live)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(LIMIT)


@every_format
@pytest.mark.parametrize("fault", ["cut0", "cutstart", "sse_error_first", "rst"])
def test_16_death_before_content(live, upstream, preset, fault):
    """Before content the client sees nothing of it: the next target answers, or the error has its own status."""
    bad = at(upstream, fault, preset, "bad", timeouts=SHORT)
    live.configure(config_of({"smart": [bad, at(upstream, "ok", preset, "good")]}))
    answer = post(live, stream=True)
    assert answer.headers["x-ccm-provider"] == "good"
    assert (kinds(answer)[0], kinds(answer)[-1]) == ("message_start", "message_stop")
    live.configure(config_of({"smart": [bad]}))
    assert post(live, stream=True).status_code >= 500


@every_format
@pytest.mark.parametrize("fault", ["cutrst", "cutclose", "sse_error_mid/30"])
def test_16_death_after_content(live, upstream, preset, fault):
    """After content an error event ends the stream; no end is made up."""
    live.configure(config_of({"smart": [at(upstream, fault, preset)]}))
    answer = post(live, stream=True)
    assert answer.status_code == 200
    assert kinds(answer)[-1] == "error"
    assert "message_stop" not in kinds(answer)


@every_format
def test_17_whole_answer_after_a_broken_stream(live, upstream, preset):
    """The client asks again without streaming and for 64000 tokens: an upstream that only streams answers whole."""
    live.configure(config_of({"smart": [at(upstream, "script", preset)]}))
    upstream.script(["sse_error_mid/30", "sseforjson"])
    assert kinds(post(live, stream=True))[-1] == "error"
    answer = post(live, stream=False, max_tokens=64000)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["content"] == [{"type": "text", "text": "Hello"}]
    assert (answer.json()["stop_reason"], answer.json()["model"]) == ("end_turn", "smart")


@every_format
def test_18_pings_in_silence(live, upstream, preset, monkeypatch):
    """Silence before content and amid it is filled with pings, never inside an event."""
    from proxy import engine

    assert engine.PING_EVERY_S <= 15
    monkeypatch.setattr("proxy.engine.PING_EVERY_S", 0.05)
    live.configure(config_of({"smart": [at(upstream, "slow/150", preset)]}))
    found = kinds(post(live, stream=True))
    assert found[0] == "ping"
    assert "ping" in found[found.index("message_start") : found.index("message_stop")]
    assert found[-1] == "message_stop"


@every_format
def test_19_client_abort_cancels_the_upstream(live, upstream, preset):
    """A client that hangs up amid an answer takes the upstream's call with it."""
    live.configure(config_of({"smart": [at(upstream, "silent/30", preset, timeouts=Timeouts(5, 20, 20, 30))]}))
    body = json.dumps({**BODY, "stream": True}).encode()
    head = b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", live.port)) as client:
        client.sendall(head + body)
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert upstream.wait_aborted()
    assert live.record().outcome == "client_gone"


@every_format
def test_20_both_auth_headers_and_the_new_version(live, upstream, preset):
    """Either header may hold the key; the new version with a temperature is no matter of ours."""
    key = "ccm_12345678_" + "k" * 43
    keys = {digest_of(key): KeyConfig("laptop", digest_of(key))}
    live.configure(config_of({"smart": [at(upstream, "ok", preset)]}, keys=keys))
    far = {"x-forwarded-for": "203.0.113.9", "anthropic-version": "2026-10-21"}
    for given in ({"x-api-key": "sk-other", "authorization": f"Bearer {key}"},
                  {"x-api-key": key, "authorization": "Bearer other"}):  # fmt: skip
        assert post(live, {**far, **given}, temperature=0.5).status_code == 200
        assert key not in str(upstream.requests[-1])
    if preset == "anthropic":
        assert upstream.requests[-1].headers["anthropic-version"] == "2026-10-21"
        assert upstream.requests[-1].json["temperature"] == 0.5
    assert post(live, {**far, "x-api-key": "no", "authorization": "Bearer no"}).status_code == 401


def test_21_models_in_both_shapes(live):
    """One list for both SDKs, whole for a client that asks for 1000, aliases under the names they were given."""
    live.configure(config_of({"gpt-5": [], "claude-gpt-5": [], "my/anthropic-local": []}))
    with httpx.Client(trust_env=False) as client:
        listed = client.get(live.url + "/v1/models?limit=1000", headers={"anthropic-version": "2023-06-01"}).json()
        one = client.get(live.url + "/v1/models/claude-gpt-5").json()
    shown = [item for item in listed["data"] if "claude" in item["id"] or "anthropic" in item["id"]]
    assert [item["id"] for item in shown] == ["claude-gpt-5", "my/anthropic-local"]
    assert (listed["object"], listed["has_more"], listed["first_id"]) == ("list", False, "claude-gpt-5")
    for item in (*listed["data"], one):
        assert (item["type"], item["object"], item["lifecycle"]) == ("model", "model", "active")
        assert {"display_name", "created_at", "created", "owned_by"} <= set(item)


@every_format
def test_22_many_token_counts_at_once(live, upstream, preset):
    """26 counts at once are answered, by the counter where there is one, and never by an inference."""
    live.configure(config_of({"smart": [at(upstream, "ok", preset)]}))
    body = json.dumps({**COUNT, "model": "smart"}).encode()
    with ThreadPoolExecutor(26) as pool:
        answers = list(pool.map(lambda _: post(live, path="/v1/messages/count_tokens", content=body), range(26)))
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json()["input_tokens"] > 0 for answer in answers)
    counters = ("/count_tokens", "/input_tokens", ":countTokens")
    assert all(request.path.endswith(counters) for request in upstream.requests)
    assert len(upstream.requests) == (0 if preset == "openai-chat" else 26)


@every_format
def test_23_web_search_sub_request_is_answered(live, upstream, preset):
    """The client's search call is served by every upstream, streamed, with no tool left that nobody runs."""
    live.configure(config_of({"smart": [at(upstream, "ok", preset)]}))
    answer = post(live, **{**WEB_SEARCH, "model": "smart"})
    assert kinds(answer)[-1] == "message_stop"


@every_format
def test_29_billing_block_over_the_wire(live, upstream, preset):
    """Anthropic gets the client's bytes with the billing line, everybody else a prompt without it."""
    live.configure(config_of({"smart": [at(upstream, "ok", preset)]}))
    body = json.dumps(agent(model="smart", stream=False), indent=1, ensure_ascii=False).encode()
    assert post(live, content=body).status_code == 200
    received = upstream.requests[-1].body
    if preset == "anthropic":
        assert received == body.replace(b'"smart"', b'"m"', 1)
    else:
        assert BILLING.encode()[:20] not in received
        assert lines(json.loads(received))[0][1].startswith("You are a coding agent.")


@every_format
def test_30_unknown_things_are_served(live, upstream, preset):
    """Blocks, fields, betas and tools nobody knows get an answer, not a refusal."""
    live.configure(config_of({"smart": [at(upstream, "ok", preset)]}))
    odd = user(text("a"), {"type": "hologram", "data": 1})
    answer = post(live, {"anthropic-beta": "never-heard-of-2099-01-01"}, messages=[odd], brand_new={"a": 1},
                  tools=[{"type": "hologram_20990101", "name": "h"}])  # fmt: skip
    assert answer.status_code == 200


def test_31_head_api_hello(live):
    """The client's warm-up probe is answered at once, without a key and without a body."""
    live.configure(config_of({}, keys={"d": KeyConfig("laptop", "d")}))
    with httpx.Client(trust_env=False) as client:
        answer = client.head(live.url + "/api/hello", headers={"x-forwarded-for": "203.0.113.9"})
    assert (answer.status_code, answer.content) == (200, b"")


@every_format
def test_32_accept_json_and_gzip_with_a_stream(live, upstream, preset):
    """A stream is a stream whatever `Accept` says, and never compressed; a compressed request is refused in JSON."""
    live.configure(config_of({"smart": [at(upstream, "ok", preset)]}))
    headers = {"accept": "application/json", "accept-encoding": "gzip, deflate, br, zstd"}
    answer = post(live, headers, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "content-encoding" not in answer.headers
    assert kinds(answer)[-1] == "message_stop"
    packed = gzip.compress(json.dumps(BODY).encode())
    refused = post(live, {"content-encoding": "gzip"}, content=packed)
    assert (refused.status_code, refused.json()["type"]) == (415, "error")


@every_format
def test_33_max_tokens_clamp_over_the_wire(live, upstream, preset):
    """A translated upstream is asked for no more than its model writes; Anthropic's own gets what the client sent."""
    live.configure(config_of({"smart": [at(upstream, "ok", preset, max_output_tokens=8192)]}))
    assert post(live, max_tokens=128000).status_code == 200
    received = upstream.requests[-1].body
    assert (b"128000" in received, b"8192" in received) == ((True, False) if preset == "anthropic" else (False, True))


@every_format
def test_every_dialect_spoken_is_played_whole(live, upstream, preset):
    """The answers that the other tests read from memory come over the wire all the same."""
    upstream.play(spoken(preset, ("text", "Hi"), ("call", "call_1", "Read", '{"a":1}')), 200, "text/event-stream")
    live.configure(config_of({"smart": [at(upstream, "play", preset)]}))
    assert kinds(post(live, stream=True))[-1] == "message_stop"
    assert live.record().stop_reason == "tool_use"
