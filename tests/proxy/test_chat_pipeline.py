"""Chat clients over real sockets: the official SDK at the real proxy, with a scripted upstream behind it."""

import asyncio
import json

import httpx
import openai
import pytest

from providers.targets import Timeouts
from proxy.config import KeyConfig
from proxy.models.client_key import digest_of
from tests import cast
from tests.live import config_of
from tests.upstream_answers import INPUT_TOKENS, OUTPUT_TOKENS, TEXT, TOOL_INPUT, OpenAI

BODY = {"model": "smart", "messages": [{"role": "user", "content": "hi"}]}
NATIVE, MESSAGES = "openai-compatible", "anthropic-compatible"
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}]
PATH = "/v1/chat/completions"


def at(upstream, path, name="main", preset=MESSAGES, **fields):
    return cast.target(name, preset=preset, base_url=f"{upstream.url}/{path}", **fields)


def post(live, body=None, path=PATH, **fields):
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(live.url + path, json={**BODY, **(body or {})}, **fields)


@pytest.fixture
def sdk(live):
    """Makes official clients and closes them in the end."""
    clients = []

    def client(api_key="any", **fields):
        clients.append(openai.OpenAI(base_url=live.url + "/v1", api_key=api_key, max_retries=0, **fields))
        return clients[-1]

    yield client
    for made in clients:
        made.close()


@pytest.mark.parametrize("preset", [MESSAGES, NATIVE])
class TestSdk:
    def test_a_whole_answer(self, live, sdk, upstream, preset):
        """The official SDK gets a whole answer under the model name it asked for, and the log its tokens."""
        live.configure(config_of({"smart": [at(upstream, "ok", preset=preset)]}))
        answer = sdk().chat.completions.create(**BODY)
        assert answer.model == "smart"
        assert answer.choices[0].message.content == TEXT
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage.prompt_tokens == INPUT_TOKENS
        record = live.record()
        assert (record.outcome, record.inbound_format, record.usage.output) == ("ok", "openai_chat", OUTPUT_TOKENS)

    @pytest.mark.parametrize("asks", [True, False])
    def test_a_stream(self, live, sdk, upstream, preset, asks):
        """Chunks come with one id and the model asked for; usage only to who asks, to the log always."""
        live.configure(config_of({"smart": [at(upstream, "ok", preset=preset)]}))
        options = {"stream_options": {"include_usage": True}} if asks else {}
        chunks = list(sdk().chat.completions.create(**BODY, stream=True, **options))
        assert {chunk.model for chunk in chunks} == {"smart"}
        assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == TEXT
        assert [chunk.usage.completion_tokens for chunk in chunks if chunk.usage] == [OUTPUT_TOKENS] * asks
        record = live.record()
        assert (record.stream, record.usage.input, record.usage.output) == (True, INPUT_TOKENS, OUTPUT_TOKENS)

    def test_a_tool_call(self, live, sdk, upstream, preset):
        """A tool call comes through with its arguments, streamed and not, and its result goes back up."""
        live.configure(config_of({"smart": [at(upstream, "tool", preset=preset)]}))
        whole = sdk().chat.completions.create(**BODY, tools=TOOLS).choices[0]
        with sdk().chat.completions.stream(**BODY, tools=TOOLS) as stream:
            streamed = stream.get_final_completion().choices[0]
        for choice in (whole, streamed):
            assert choice.finish_reason == "tool_calls"
            assert choice.message.tool_calls[0].function.name == "get_weather"
            assert json.loads(choice.message.tool_calls[0].function.arguments) == TOOL_INPUT
        said = whole.message.model_dump(exclude_none=True)
        result = {"role": "tool", "tool_call_id": whole.message.tool_calls[0].id, "content": "sun"}
        sdk().chat.completions.create(**{**BODY, "messages": [*BODY["messages"], said, result]}, tools=TOOLS)
        received = json.loads(upstream.requests[-1].body)["messages"]
        assert [turn["role"] for turn in received][1:] == ["assistant", "tool" if preset == NATIVE else "user"]

    async def test_the_async_client(self, live, upstream, preset):
        """The asynchronous SDK streams too."""
        live.configure(config_of({"smart": [at(upstream, "ok", preset=preset)]}))
        async with openai.AsyncOpenAI(base_url=live.url + "/v1", api_key="any", max_retries=0) as client:
            stream = await client.chat.completions.create(**BODY, stream=True)
            text = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        assert "".join(text) == TEXT

    @pytest.mark.parametrize("stream", [True, False])
    @pytest.mark.parametrize(
        ("fault", "raised", "code"),
        [
            ("status/400", openai.BadRequestError, None),
            ("toolong", openai.BadRequestError, "context_length_exceeded"),
            ("status/404", openai.NotFoundError, None),
            ("status/429", openai.RateLimitError, "rate_limit_exceeded"),
            ("status/402", openai.RateLimitError, "insufficient_quota"),
            ("status/401", openai.InternalServerError, None),
            ("status/529", openai.InternalServerError, "overloaded"),
            ("html200", openai.InternalServerError, None),
        ],
    )
    def test_a_final_failure(self, live, sdk, upstream, preset, stream, fault, raised, code):
        """When every target failed, the SDK raises the class that fits, with the code programs look for."""
        live.configure(config_of({"smart": [at(upstream, fault, preset=preset)]}))
        with pytest.raises(raised) as told:
            sdk().chat.completions.create(**BODY, stream=stream)
        assert told.value.code == code
        assert set(told.value.response.json()["error"]) == {"message", "type", "param", "code"}
        assert told.value.response.headers["request-id"].startswith("req_")
        assert live.record().outcome == "error"

    @pytest.mark.parametrize("fault", ["cutrst", "cutclose", "sse_error_mid/200"])
    def test_after_content_an_error_ends_the_stream(self, live, sdk, upstream, preset, fault):
        """A stream that breaks after content raises in the SDK; it never ends as if all were well."""
        live.configure(config_of({"smart": [at(upstream, fault, preset=preset)]}))
        text = []
        with pytest.raises(openai.APIError) as told:
            text.extend(c.choices[0].delta.content or "" for c in sdk().chat.completions.create(**BODY, stream=True))
        assert "".join(text)
        assert told.value.body["type"] == "server_error"
        assert live.record().outcome == "interrupted"
        answer = post(live, {"stream": True})
        assert b"[DONE]" not in answer.content
        assert answer.content.rsplit(b"data: ", 1)[1].startswith(b'{"error":')


@pytest.mark.parametrize(
    "fault", ["status/500", "cut0", "cutstart", "sse_error_first", "empty_answer", "rst", "html200"]
)
@pytest.mark.parametrize(("bad", "good"), [(MESSAGES, NATIVE), (NATIVE, MESSAGES)])
@pytest.mark.parametrize("stream", [True, False])
def test_failover_between_the_dialects_is_unseen(live, upstream, fault, bad, good, stream):
    """Whichever dialect fails before content, the other one answers with one clean stream or answer."""
    live.configure(config_of({"smart": [at(upstream, fault, "bad", bad), at(upstream, "ok", "good", good)]}))
    answer = post(live, {"stream": stream})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-ccm-provider"] == "good"
    assert answer.content.count(b'"role":"assistant"') == 1
    assert answer.content.count(b"[DONE]") == stream
    assert live.record().attempts[-1].outcome == "ok"


def test_an_anthropic_upstream_gets_messages(live, upstream):
    """What an Anthropic upstream receives is a Messages request with its model and without the client's key."""
    live.configure(config_of({"smart": [at(upstream, "ok", model="glm-4.6")]}))
    post(live, {"messages": [{"role": "system", "content": "be brief"}, *BODY["messages"]]},
         headers={"authorization": "Bearer client-secret"})  # fmt: skip
    received = upstream.requests[-1]
    assert received.path.endswith("/v1/messages")
    assert "client-secret" not in str(received.headers)
    body = json.loads(received.body)
    assert (body["model"], body["max_tokens"], body["system"][0]["text"]) == ("glm-4.6", 32_000, "be brief")


def test_the_native_path_changes_nothing_but_the_model(live, upstream):
    """At a Chat upstream both bodies pass to the byte, but for the model's name."""
    live.configure(config_of({"smart": [at(upstream, "ok", preset=NATIVE, model="vendor/real")]}))
    body = (
        '{ "model":"smart", "seed": 7, "x_unknown": [1.0, 2e3,"é\\u00e9\\ud83d"],\n'
        ' "messages":[{"role":"user","content":"smart"}],"stream_options":{"include_usage":true}, "stream":true}'
    )
    answer = post(live, path=PATH + "?api-version=1", content=body.encode(), headers={"x-api-key": "client-secret"})
    received = upstream.requests[-1]
    assert received.body == body.replace('"model":"smart"', '"model":"vendor/real"').encode()
    assert received.path.endswith("/ok/chat/completions")
    assert "client-secret" not in str(received.headers)
    dialect = OpenAI({"model": "smart", "stream_options": {"include_usage": True}})
    assert answer.content == b"".join([*dialect.start(), *dialect.content(), *dialect.end()])


def test_signed_thinking_never_reaches_a_chat_upstream(live, upstream):
    """Reasoning that one upstream gave stays out of another's native body after a failover."""
    blob = {"type": "reasoning.text", "format": "ccm-v1", "index": 0, "text": "hm", "signature": "sig-canary"}
    answer = {"role": "assistant", "content": "ok", "reasoning_details": [blob]}
    messages = [*BODY["messages"], answer, *BODY["messages"]]
    live.configure(config_of({"smart": [at(upstream, "status/402"), at(upstream, "ok", "good", NATIVE)]}))
    post(live, {"messages": messages})
    assert b"sig-canary" in upstream.requests[0].body
    assert b"sig-canary" not in upstream.requests[-1].body


def test_pings_are_comments(live, sdk, upstream, monkeypatch):
    """While no content comes the client is kept alive with comments, which the SDK does not see."""
    monkeypatch.setattr("proxy.engine.PING_EVERY_S", 0.1)
    slow = at(upstream, "hang", "slow", NATIVE, timeouts=Timeouts(1, 0.5, 2, 20))
    live.configure(config_of({"smart": [slow, at(upstream, "ok", "good", NATIVE)]}))
    answer = post(live, {"stream": True})
    assert answer.content.startswith(b": ping\n\n")
    assert b"event:" not in answer.content
    text = [c.choices[0].delta.content or "" for c in sdk().chat.completions.create(**BODY, stream=True)]
    assert "".join(text) == TEXT


def test_a_failure_after_pings_is_an_error_in_the_stream(live, sdk, upstream, monkeypatch):
    """When the 200 is out already, a final failure is the stream's only content."""
    monkeypatch.setattr("proxy.engine.PING_EVERY_S", 0.1)
    live.configure(config_of({"smart": [at(upstream, "hang", timeouts=Timeouts(1, 0.5, 2, 20))]}))
    with pytest.raises(openai.APIError) as told:
        list(sdk().chat.completions.create(**BODY, stream=True))
    assert told.value.code == "timeout"


def test_a_client_that_leaves_cancels_the_upstream(live, upstream):
    """Closing the SDK's stream closes the upstream's."""
    live.configure(config_of({"smart": [at(upstream, "silent/30", preset=NATIVE, timeouts=Timeouts(5, 20, 20, 30))]}))

    async def leave():
        async with openai.AsyncOpenAI(base_url=live.url + "/v1", api_key="any", max_retries=0) as client:
            stream = await client.chat.completions.create(**BODY, stream=True)
            await anext(aiter(stream))
            await stream.close()

    asyncio.run(leave())
    assert upstream.wait_aborted()
    assert live.record().outcome == "client_gone"


def test_client_keys(live, sdk, upstream):
    """`Authorization: Bearer` carries the client key; a missing or wrong one is OpenAI's 401."""
    key = "ccm_12345678_" + "k" * 43
    keys = {digest_of(key): KeyConfig("laptop", digest_of(key))}
    live.configure(config_of({"smart": [at(upstream, "ok")]}, keys=keys))
    far = {"x-forwarded-for": "203.0.113.9"}
    with pytest.raises(openai.AuthenticationError) as told:
        sdk(default_headers=far).chat.completions.create(**BODY)
    assert told.value.code == "invalid_api_key"
    answer = sdk(api_key=key, default_headers=far).chat.completions.create(**BODY)
    assert answer.choices
    assert live.records[-1].client_key == "laptop"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", PATH, 405), ("POST", PATH + "/", 404), ("POST", PATH + "/x", 404), ("POST", "/v1/chat/none", 404),
        ("POST", PATH + "?key=secret", 400), ("POST", PATH, 400),
    ],
)  # fmt: skip
def test_refusals_are_in_the_dialect(live, method, path, status):
    """Wrong paths, methods and bodies under Chat's path are told in OpenAI's envelope."""
    live.configure(config_of({"smart": []}))
    with httpx.Client(trust_env=False) as client:
        answer = client.request(method, live.url + path, content=b"{}" if method == "POST" else None)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert answer.json()["error"]["type"] in ("invalid_request_error", "not_found_error")
    assert answer.headers["request-id"].startswith("req_")


def test_a_model_that_does_not_exist(live, sdk):
    """An unknown model is OpenAI's 404 with the code for it."""
    live.configure(config_of({"smart": []}))
    with pytest.raises(openai.NotFoundError) as told:
        sdk().chat.completions.create(**{**BODY, "model": "nope"})
    assert (told.value.code, told.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize("cap", [300_000, 100])
def test_a_body_over_the_cap(live, settings, cap):
    """A body above CCM_MAX_BODY_MB is refused in OpenAI's envelope, announced as such or found out on the way."""
    settings.CCM_MAX_BODY_BYTES = cap
    live.configure(config_of({"smart": []}))
    answer = post(live, content=bytes(cap + 100_000))
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "request_too_large"


def test_a_large_body_needs_a_key_first(live):
    """A stranger's large body is refused before it is read, in OpenAI's envelope."""
    live.configure(config_of({"smart": []}))
    answer = post(live, content=bytes(300_000), headers={"x-forwarded-for": "203.0.113.9"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"


def test_a_subagent_tag_routes_and_is_removed(live, upstream):
    """The tag picks the model in a Chat request too, and no upstream of either dialect sees it."""
    tagged = [
        {"role": "system", "content": "be brief <CCM-SUBAGENT-MODEL>cheap</CCM-SUBAGENT-MODEL>"},
        *BODY["messages"],
    ]
    for preset in (MESSAGES, NATIVE):
        live.configure(config_of({"smart": [], "cheap": [at(upstream, "ok", preset=preset)]}, default="smart"))
        assert post(live, {"messages": tagged}).headers["x-ccm-route"] == "subagent"
        assert b"CCM-SUBAGENT-MODEL" not in upstream.requests[-1].body
        assert b"be brief" in upstream.requests[-1].body
