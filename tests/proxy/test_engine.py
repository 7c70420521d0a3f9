"""The whole way of a request, over real sockets, with a real scripted upstream behind it."""

import json
import socket
import time

import anthropic
import httpx
import pytest

from providers.targets import Timeouts
from proxy.config import KeyConfig
from proxy.models.client_key import digest_of
from tests import cast
from tests.live import config_of, events_of

BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
NATIVE, CHAT = "anthropic-compatible", "openai-compatible"
EVERY_FORMAT = [NATIVE, CHAT, "openai", "gemini"]


def at(upstream, path, name="main", preset=NATIVE, **fields):
    return cast.target(name, preset=preset, base_url=f"{upstream.url}/{path}", **fields)


def post(live, body=None, headers=None, path="/v1/messages"):
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(live.url + path, json={**BODY, **(body or {})}, headers=headers or {})


@pytest.mark.parametrize("preset", EVERY_FORMAT)
class TestSdk:
    @pytest.fixture
    def client(self, live):
        with anthropic.Anthropic(base_url=live.url, api_key="any", max_retries=0) as client:
            yield client

    def test_a_whole_answer(self, live, client, upstream, preset):
        """The official SDK gets a whole answer under the model name it asked for."""
        live.configure(config_of({"smart": [at(upstream, "ok", preset=preset)]}))
        message = client.messages.create(**BODY)
        assert message.model == "smart"
        assert message.content[0].text
        assert message.stop_reason == "end_turn"
        assert live.record().outcome == "ok"
        assert live.record().usage.output > 0

    def test_a_stream(self, live, client, upstream, preset):
        """The SDK's streaming helper assembles the same answer."""
        live.configure(config_of({"smart": [at(upstream, "ok", preset=preset)]}))
        with client.messages.stream(**BODY) as stream:
            text = "".join(stream.text_stream)
            message = stream.get_final_message()
        assert text == message.content[0].text != ""
        assert message.model == "smart"
        assert live.record().stream is True

    def test_a_tool_call(self, live, client, upstream, preset):
        """A tool call comes through with its input, streamed and not."""
        live.configure(config_of({"smart": [at(upstream, "tool", preset=preset)]}))
        tools = [{"name": "get_weather", "description": "w", "input_schema": {"type": "object", "properties": {}}}]
        whole = client.messages.create(**BODY, tools=tools)
        with client.messages.stream(**BODY, tools=tools) as stream:
            streamed = stream.get_final_message()
        for message in (whole, streamed):
            call = next(block for block in message.content if block.type == "tool_use")
            assert isinstance(call.input, dict)
            assert message.stop_reason == "tool_use"

    async def test_the_async_client(self, live, upstream, preset):
        """The asynchronous SDK streams too."""
        live.configure(config_of({"smart": [at(upstream, "ok", preset=preset)]}))
        async with (
            anthropic.AsyncAnthropic(base_url=live.url, api_key="any", max_retries=0) as client,
            client.messages.stream(**BODY) as stream,
        ):
            assert (await stream.get_final_message()).model == "smart"


def test_the_native_path_changes_nothing_but_the_model(live, upstream):
    """What the upstream receives is the client's body to the byte, but for the top-level model."""
    live.configure(config_of({"smart": [at(upstream, "ok", model="glm-4.6")]}))
    body = (
        '{ "model":"smart", "x_unknown": [1.0, 2e3,"é\\u00e9\\ud83d"],\n'
        ' "messages":[{"role":"user","content":"smart"}],"max_tokens":5}'
    )
    with httpx.Client(trust_env=False) as client:
        answer = client.post(live.url + "/v1/messages?beta=true", content=body.encode(), headers={
            "anthropic-beta": "a-1,b-2", "content-type": "application/json", "x-api-key": "client-secret"})  # fmt: skip
    assert answer.status_code == 200
    _, path, headers, received = upstream.requests[-1]
    assert received == body.replace('"model":"smart"', '"model":"glm-4.6"').encode()
    assert path.endswith("/v1/messages?beta=true")
    sent = {name.lower(): value for name, value in dict(headers).items()}
    assert sent["anthropic-beta"] == "a-1,b-2"
    assert sent["x-api-key"] == cast.KEY
    assert "client-secret" not in str(headers)


def test_the_subagent_tag_routes_and_is_removed(live, upstream):
    """The tag picks the model and no upstream ever sees it."""
    live.configure(config_of({"smart": [], "cheap": [at(upstream, "ok", model="mini")]}, default="smart"))
    answer = post(live, {"system": "be brief <CCM-SUBAGENT-MODEL>cheap</CCM-SUBAGENT-MODEL>"})
    assert answer.headers["x-ccm-route"] == "subagent"
    assert answer.headers["x-ccm-model"] == "cheap"
    assert json.loads(upstream.requests[-1][3])["system"] == "be brief "


FAILING = [
    ("status/500", "overloaded", 2), ("status/502", "overloaded", 2), ("status/529", "overloaded", 2),
    ("status/429", "rate_limited", 1), ("status/401", "refused_key", 1), ("status/403", "refused_key", 1),
    ("status/402", "quota", 1), ("status/404", "no_such_model", 1), ("html200", "garbled", 1),
    ("html502", "overloaded", 2), ("cut0", None, None), ("cutstart", None, None), ("err200", None, None),
    ("sse_error_first", None, None), ("empty200", "garbled", 1), ("empty_answer", "garbled", 1),
    ("rst", "unreachable", 2), ("close", "unreachable", 2), ("garbage", None, None),
    ("hang", "timed_out", 1), ("hdrhang", "timed_out", 1),
]  # fmt: skip


@pytest.mark.parametrize("preset", EVERY_FORMAT)
@pytest.mark.parametrize(("fault", "kind", "calls"), FAILING)
def test_failover_is_unseen(live, upstream, fault, kind, calls, preset):
    """Whatever happens before content, the next target answers with exactly one clean stream."""
    limits = Timeouts(1, 0.4, 2, 20) if kind == "timed_out" else Timeouts(10, 10, 10, 20)
    good = at(upstream, "ok", "good", preset, timeouts=Timeouts(10, 10, 10, 20))
    live.configure(config_of({"smart": [at(upstream, fault, "bad", preset, timeouts=limits), good]}))
    answer = post(live, {"stream": True})
    assert answer.status_code == 200, answer.text
    names = [event.type for event in events_of(answer.content)]
    assert names.count("message_start") == 1
    assert names[-1] == "message_stop"
    assert answer.headers["x-ccm-provider"] == "good"
    record = live.record()
    assert record.outcome == "ok"
    assert record.provider == "good"
    assert record.attempts[-1].outcome == "ok"
    if kind is not None:
        assert [a.outcome for a in record.attempts] == [kind] * calls + ["ok"]
        assert kind in answer.headers["x-ccm-why"]


@pytest.mark.parametrize(
    ("fault", "status", "type_"),
    [
        ("status/400", 400, "invalid_request_error"),
        ("status/429", 429, "rate_limit_error"),
        ("status/529", 529, "overloaded_error"),
        ("status/401", 502, "api_error"),
        ("status/402", 429, "rate_limit_error"),
        ("status/404", 404, "not_found_error"),
        ("html200", 502, "api_error"),
        ("rst", 502, "api_error"),
        ("toolong", 400, "invalid_request_error"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_final_failure_has_its_true_status(live, upstream, fault, status, type_, stream):
    """When every target failed, the client gets the envelope with the status of the table, streaming or not."""
    live.configure(config_of({"smart": [at(upstream, fault)]}))
    answer = post(live, {"stream": stream})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["type"] == type_
    assert answer.json()["request_id"] == answer.headers["request-id"]
    assert live.record().status == status
    assert live.record().outcome == "error"


DIALECTS = {
    "/v1/messages": BODY,
    "/v1/chat/completions": BODY,
    "/v1/responses": {"model": "smart", "input": "hi"},
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", DIALECTS)
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("status/400", "false"), ("status/401", "false"), ("status/402", "false"), ("status/403", "false"),
        ("status/404", "false"), ("status/409", "false"), ("toolong", "false"), ("status/429", None),
        ("status/529", None), ("rst", None), ("html200", None),
    ],
)  # fmt: skip
def test_a_client_is_told_when_a_retry_cannot_help(live, upstream, fault, told, path, stream):
    """In every dialect, streaming or not, a final failure that waiting does not cure says so; others say nothing."""
    live.configure(config_of({"smart": [at(upstream, fault)]}))
    with httpx.Client(trust_env=False, timeout=20) as client:
        answer = client.post(live.url + path, json={**DIALECTS[path], "stream": stream})
    assert answer.status_code >= 400
    assert answer.headers.get("x-should-retry") == told


def test_no_secret_comes_back(live, upstream):
    """An upstream that echoes the key in its error text does not get it past us."""
    live.configure(config_of({"smart": [at(upstream, "echo-key")]}))
    answer = post(live)
    assert answer.status_code >= 400
    told = answer.text + str(dict(answer.headers)) + repr(live.record())
    assert cast.KEY not in told


@pytest.mark.parametrize("fault", ["cutrst", "cutclose"])
def test_after_content_an_error_event_ends_the_stream(live, upstream, fault):
    """A stream that breaks with nobody left to go on ends with an error event, never with a false message_stop."""
    live.configure(config_of({"smart": [at(upstream, fault)]}))
    answer = post(live, {"stream": True})
    assert answer.status_code == 200
    names = [event.type for event in events_of(answer.content)]
    assert names[-1] == "error"
    assert "message_stop" not in names
    assert live.record().outcome == "interrupted"
    assert live.record().attempts[0].outcome == "interrupted"


def test_silence_after_content_is_an_interruption(live, upstream):
    """An upstream that falls silent is given up after the idle limit."""
    live.configure(config_of({"smart": [at(upstream, "silent/30", timeouts=Timeouts(1, 2, 0.3, 20))]}))
    names = [event.type for event in events_of(post(live, {"stream": True}).content)]
    assert names[-1] == "error"


def test_a_model_that_thinks_unseen_is_not_given_up(live, upstream):
    """While events without content come, only a silence among them is too long, not the wait for the first content."""
    live.configure(config_of({"smart": [at(upstream, "ponder/900", preset=CHAT, timeouts=Timeouts(1, 0.3, 0.5, 20))]}))
    answer = post(live, {"stream": True})
    assert answer.status_code == 200
    assert events_of(answer.content)[-1].type == "message_stop"


def test_pings_keep_a_waiting_client_alive(live, upstream, monkeypatch):
    """While no content comes, the 200 goes out with pings, and failover still goes on unseen."""
    monkeypatch.setattr("proxy.engine.PING_EVERY_S", 0.1)
    slow = at(upstream, "hang", "slow", timeouts=Timeouts(1, 0.5, 2, 20))
    live.configure(config_of({"smart": [slow, at(upstream, "ok", "good")]}))
    names = [event.type for event in events_of(post(live, {"stream": True}).content)]
    assert names[0] == "ping"
    assert names.count("message_start") == 1
    assert names[-1] == "message_stop"


@pytest.mark.parametrize("phase", ["hang", "hdrhang", "silent/30"])
def test_a_client_that_leaves_cancels_the_upstream(live, upstream, phase):
    """The upstream connection is closed soon after the client hung up, and the log says why."""
    live.configure(config_of({"smart": [at(upstream, phase, timeouts=Timeouts(5, 20, 20, 30))]}))
    body = json.dumps({**BODY, "stream": True}).encode()
    with socket.create_connection(("127.0.0.1", live.port)) as client:
        client.sendall(
            b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        end = time.monotonic() + 5
        while not upstream.requests and time.monotonic() < end:
            time.sleep(0.005)
        if phase.startswith("silent"):
            client.recv(100)
    record = live.record()
    assert record.outcome == "client_gone"
    assert record.status == 499
    end = time.monotonic() + 5
    while not upstream.aborted and time.monotonic() < end:
        time.sleep(0.005)
    assert upstream.aborted


def test_a_forced_provider(live, upstream):
    """X-Provider picks one of the model's providers; one it does not have is refused by name."""
    live.configure(config_of({"smart": [at(upstream, "ok", "a"), at(upstream, "ok", "b")]}))
    assert post(live, headers={"X-Provider": "b"}).headers["x-ccm-provider"] == "b"
    refused = post(live, headers={"X-Provider": "zzz"})
    assert refused.status_code == 400
    assert "zzz" in refused.json()["error"]["message"]


def test_client_keys(live, upstream):
    """A forwarded request needs a key; either header may carry the valid one; a wrong one is 401 in the envelope."""
    key = "ccm_12345678_" + "k" * 43
    keys = {digest_of(key): KeyConfig("laptop", digest_of(key))}
    live.configure(config_of({"smart": [at(upstream, "ok")]}, keys=keys))
    far = {"x-forwarded-for": "203.0.113.9"}
    assert post(live, headers=far).status_code == 401
    refused = post(live, headers={**far, "x-api-key": key[:-1] + "x"})
    assert refused.status_code == 401
    assert refused.json()["error"]["type"] == "authentication_error"
    assert post(live, headers={**far, "x-api-key": "wrong", "authorization": f"Bearer {key}"}).status_code == 200
    assert live.records[-1].client_key == "laptop"
    assert post(live).status_code == 200


def test_a_foreign_host_is_refused(live, upstream):
    """A page that rebinds its name to our address gets a 400 in JSON."""
    live.configure(config_of({"smart": [at(upstream, "ok")]}))
    answer = post(live, headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert answer.json()["type"] == "error"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/messages", 405), ("POST", "/v1/nothing", 404), ("POST", "/v1/messages/", 404),
        ("GET", "/v1", 404), ("POST", "/v1//messages", 404), ("GET", "/v1/models/none", 404),
        ("POST", "/v1/messages?key=secret", 400), ("GET", "/health", 200), ("GET", "/healthz", 200),
        ("HEAD", "/", 200), ("HEAD", "/api/hello", 200), ("POST", "/v1/messages/batches", 404),
    ],
)  # fmt: skip
def test_every_answer_is_json(live, method, path, status):
    """Wrong paths and methods get the envelope, never a page or a redirect; probes get 200 at once."""
    live.configure(config_of({"smart": []}))
    with httpx.Client(trust_env=False, follow_redirects=False) as client:
        answer = client.request(method, live.url + path, content=b"{}" if method == "POST" else None)
    assert answer.status_code == status
    if status >= 400:
        assert answer.json()["type"] == "error"
        assert answer.headers["request-id"].startswith("req_")


def test_both_sdks_list_the_models(live):
    """One list serves the Anthropic and the OpenAI SDK."""
    import openai

    live.configure(config_of({"smart": [], "cheap": []}))
    with (
        anthropic.Anthropic(base_url=live.url, api_key="x") as theirs,
        openai.OpenAI(base_url=live.url + "/v1", api_key="x") as others,
    ):
        assert [model.id for model in theirs.models.list()] == ["cheap", "smart"]
        assert theirs.models.retrieve("smart").id == "smart"
        assert [model.id for model in others.models.list()] == ["cheap", "smart"]


def test_token_counts(live, upstream):
    """A count comes from the upstream's counter where it has one, else from our estimate, and never fails over."""
    live.configure(config_of({"smart": [at(upstream, "ok", preset=CHAT)]}))
    answer = post(live, path="/v1/messages/count_tokens")
    assert answer.status_code == 200
    assert answer.json()["input_tokens"] > 0
    assert upstream.requests == []
    counted = cast.target("main", preset="anthropic", base_url=f"{upstream.url}/ok")
    live.configure(config_of({"smart": [counted]}))
    assert post(live, path="/v1/messages/count_tokens").json()["input_tokens"] > 0
    assert upstream.requests[-1][1].endswith("/v1/messages/count_tokens")


def test_a_body_over_the_cap_is_413(live, settings):
    """A body above CCM_MAX_BODY_MB is refused in JSON."""
    settings.CCM_MAX_BODY_BYTES = 300_000
    live.configure(config_of({"smart": []}))
    with httpx.Client(trust_env=False) as client:
        answer = client.post(live.url + "/v1/messages", content=bytes(400_000))
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "request_too_large"
