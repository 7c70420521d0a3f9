"""Responses clients over real sockets: the official SDK at the real proxy, with a scripted upstream behind it."""

import asyncio
import json
from dataclasses import replace

import httpx
import openai
import pytest
from pydantic import BaseModel

from providers.targets import Timeouts
from proxy.config import KeyConfig
from proxy.models.client_key import digest_of
from tests import cast
from tests.live import config_of
from tests.upstream_answers import INPUT_TOKENS, OUTPUT_TOKENS, TEXT, TOOL_INPUT
from tests.upstream_responses import Responses

BODY = {"model": "smart", "input": "hi"}
MESSAGES, CHAT, NATIVE, GEMINI = "anthropic-compatible", "openai-compatible", "openai", "gemini"
TOOLS = [{"type": "function", "name": "get_weather", "parameters": {"type": "object"}, "strict": False}]
PATH = "/v1/responses"


def at(upstream, path, name="main", preset=MESSAGES, **fields):
    return cast.target(name, preset=preset, base_url=f"{upstream.url}/{path}", **fields)


def on_codex(upstream, path="ok"):
    target = at(upstream, path, preset=NATIVE)
    return replace(target, preset=replace(target.preset, addressing="codex"))


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


def deltas(events):
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


@pytest.mark.parametrize("preset", [MESSAGES, CHAT, NATIVE, GEMINI])
class TestSdk:
    def test_a_whole_answer(self, live, sdk, upstream, preset):
        """The official SDK gets a whole answer under the model name it asked for, and the log its tokens."""
        live.configure(config_of({"smart": [at(upstream, "ok", preset=preset)]}))
        answer = sdk().responses.create(**BODY)
        assert (answer.model, answer.output_text, answer.status) == ("smart", TEXT, "completed")
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS)
        record = live.record()
        assert (record.outcome, record.inbound_format) == ("ok", "openai_responses")
        assert record.usage.output == OUTPUT_TOKENS

    def test_a_stream(self, live, sdk, upstream, preset):
        """Events come numbered, under one response and the model asked for, and end with the whole of it."""
        live.configure(config_of({"smart": [at(upstream, "ok", preset=preset)]}))
        events = list(sdk().responses.create(**BODY, stream=True))
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert deltas(events) == TEXT
        told = [event.response for event in events if hasattr(event, "response")]
        assert {(response.id, response.model) for response in told} == {(told[0].id, "smart")}
        assert (events[-1].type, told[-1].output_text) == ("response.completed", TEXT)
        assert told[-1].usage.output_tokens == OUTPUT_TOKENS
        record = live.record()
        assert (record.stream, record.usage.input, record.usage.output) == (True, INPUT_TOKENS, OUTPUT_TOKENS)

    def test_a_tool_call(self, live, sdk, upstream, preset):
        """A tool call comes through with its arguments, streamed and not, and its output goes back up."""
        live.configure(config_of({"smart": [at(upstream, "tool", preset=preset)]}))
        whole = sdk().responses.create(**BODY, tools=TOOLS)
        with sdk().responses.stream(**BODY, tools=TOOLS) as stream:
            streamed = stream.get_final_response()
        for response in (whole, streamed):
            (call,) = response.output
            assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "get_weather", TOOL_INPUT)
        call = whole.output[0].model_dump(exclude_none=True)
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "canary-sun"}
        sdk().responses.create(model="smart", input=[{"role": "user", "content": "hi"}, call, result], tools=TOOLS)
        assert b"canary-sun" in upstream.requests[-1].body

    async def test_the_async_client(self, live, upstream, preset):
        """The asynchronous SDK gets whole answers and streams too."""
        live.configure(config_of({"smart": [at(upstream, "ok", preset=preset)]}))
        async with openai.AsyncOpenAI(base_url=live.url + "/v1", api_key="any", max_retries=0) as client:
            assert (await client.responses.create(**BODY)).output_text == TEXT
            async with client.responses.stream(**BODY) as stream:
                events = [event async for event in stream]
                assert (await stream.get_final_response()).output_text == TEXT
        assert deltas(events) == TEXT

    @pytest.mark.parametrize("stream", [True, False])
    @pytest.mark.parametrize(
        ("fault", "raised", "code"),
        [
            ("status/400", openai.BadRequestError, None),
            ("toolong", openai.BadRequestError, "context_length_exceeded"),
            ("status/404", openai.NotFoundError, None),
            ("status/429", openai.RateLimitError, "rate_limit_exceeded"),
            ("status/401", openai.InternalServerError, None),
            ("status/503", openai.InternalServerError, "overloaded"),
            ("html200", openai.InternalServerError, None),
        ],
    )
    def test_a_final_failure(self, live, sdk, upstream, preset, stream, fault, raised, code):
        """When every target failed, the SDK raises the class that fits, with the code programs look for."""
        live.configure(config_of({"smart": [at(upstream, fault, preset=preset)]}))
        with pytest.raises(raised) as told:
            sdk().responses.create(**BODY, stream=stream)
        assert told.value.code == code
        assert set(told.value.response.json()["error"]) == {"message", "type", "param", "code"}
        assert told.value.response.headers["request-id"].startswith("req_")
        assert live.record().outcome == "error"

    @pytest.mark.parametrize("fault", ["cutrst", "cutclose", "sse_error_mid/200"])
    def test_after_content_a_failed_response_ends_the_stream(self, live, sdk, upstream, preset, fault):
        """A stream that breaks after content ends with `response.failed`, numbered on, under the same response."""
        live.configure(config_of({"smart": [at(upstream, fault, preset=preset)]}))
        events = list(sdk().responses.create(**BODY, stream=True))
        assert deltas(events)
        assert [event.sequence_number for event in events] == list(range(len(events)))
        ends = [event for event in events if event.type in ("response.completed", "response.failed")]
        assert [event.type for event in ends] == ["response.failed"]
        assert ends[0] is events[-1]
        assert (ends[0].response.id, ends[0].response.error.code) == (events[0].response.id, "server_error")
        assert live.record().outcome == "interrupted"


class City(BaseModel):
    city: str


def test_structured_output(live, sdk, upstream):
    """The SDK's parsing asks for a schema, which an upstream of another dialect gets in its own words."""
    live.configure(config_of({"smart": [at(upstream, "ok")]}))
    with pytest.raises(ValueError, match="Hello"):  # the scripted upstream answers in prose
        sdk().responses.parse(**BODY, text_format=City)
    wanted = json.loads(upstream.requests[-1].body)["output_config"]["format"]
    assert (wanted["type"], wanted["schema"]["required"]) == ("json_schema", ["city"])


@pytest.mark.parametrize("second", [MESSAGES, NATIVE])
@pytest.mark.parametrize("first", [MESSAGES, NATIVE])
@pytest.mark.parametrize("fault", ["cutrst", "sse_error_mid/100"])
def test_the_next_target_goes_on_after_content(live, sdk, upstream, fault, first, second):
    """A stream that breaks after text goes on at the next target as the same response."""
    live.configure(config_of({"smart": [at(upstream, fault, "a", first), at(upstream, "ok", "b", second)]}))
    events = list(sdk().responses.create(**BODY, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events].count("response.created") == 1
    assert events[-1].type == "response.completed"
    assert events[-1].response.id == events[0].response.id
    assert events[-1].response.output_text == deltas(events)
    assert deltas(events).startswith("Hel")
    assert live.record().attempts[-1].outcome == "ok"


@pytest.mark.parametrize("fault", ["status/500", "cutstart", "sse_error_first", "empty_answer", "html200"])
@pytest.mark.parametrize(("bad", "good"), [(MESSAGES, NATIVE), (NATIVE, MESSAGES), (GEMINI, NATIVE), (CHAT, GEMINI)])
@pytest.mark.parametrize("stream", [True, False])
def test_failover_between_the_formats_is_unseen(live, upstream, fault, bad, good, stream):
    """Whichever format fails before content, another one answers with one clean stream or answer."""
    live.configure(config_of({"smart": [at(upstream, fault, "bad", bad), at(upstream, "ok", "good", good)]}))
    answer = post(live, {"stream": stream})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-ccm-provider"] == "good"
    assert answer.content.count(b"response.created") == 2 * stream
    assert answer.content.count(b"event: response.completed") == stream
    assert live.record().attempts[-1].outcome == "ok"


def test_the_native_path_changes_nothing_but_the_model(live, upstream):
    """At a Responses upstream both bodies pass to the byte, but for the model's name."""
    live.configure(config_of({"smart": [at(upstream, "ok", preset=NATIVE, model="vendor/real")]}))
    body = (
        '{ "model":"smart", "store": true, "x_unknown": [1.0, 2e3,"é\\u00e9\\ud83d"],\n'
        ' "input":[{"role":"user","content":"smart"}], "stream":true}'
    )
    answer = post(live, path=PATH + "?api-version=1", content=body.encode(), headers={"x-api-key": "client-secret"})
    received = upstream.requests[-1]
    assert received.body == body.replace('"model":"smart"', '"model":"vendor/real"').encode()
    assert received.path.endswith("/ok/responses")
    assert "client-secret" not in str(received.headers)
    dialect = Responses({"model": "smart"})
    assert answer.content == b"".join([*dialect.start(), *dialect.content(), *dialect.end()])


@pytest.mark.parametrize("stream", [True, False])
def test_the_codex_backend(live, sdk, upstream, stream):
    """That backend only streams and refuses much: every client gets what it asked for all the same."""
    live.configure(config_of({"smart": [on_codex(upstream)]}))
    answer = sdk().responses.create(**BODY, stream=stream, temperature=0.5, max_output_tokens=99, store=True)
    assert (deltas(list(answer)) if stream else answer.output_text) == TEXT
    received = json.loads(upstream.requests[-1].body)
    assert (received["store"], received["stream"], received["instructions"]) == (False, True, "")
    assert not {"temperature", "max_output_tokens"} & set(received)


@pytest.mark.parametrize("stream", [True, False])
def test_signed_thinking_comes_back_and_stays_with_its_maker(live, sdk, upstream, stream):
    """A signature that an Anthropic upstream gave goes back to it, and to no Responses upstream."""
    live.configure(config_of({"smart": [at(upstream, "signed")]}))
    answer = sdk().responses.create(**BODY, stream=stream, reasoning={"effort": "low", "summary": "auto"})
    response = list(answer)[-1].response if stream else answer
    said = [item.model_dump(exclude_none=True) for item in response.output]
    turns = [{"role": "user", "content": "a"}, *said, {"role": "assistant", "content": "b"},
             {"role": "user", "content": "c"}]  # fmt: skip
    live.configure(config_of({"smart": [at(upstream, "status/402"), at(upstream, "ok", "good", NATIVE)]}))
    post(live, {"input": turns})
    assert b'"signature":"sig-upstream"' in upstream.requests[-2].body
    assert b"sig-upstream" not in upstream.requests[-1].body


def test_pings_are_comments(live, sdk, upstream, monkeypatch):
    """While no content comes the client is kept alive with comments, which the SDK does not see."""
    monkeypatch.setattr("proxy.engine.PING_EVERY_S", 0.1)
    slow = at(upstream, "hang", "slow", NATIVE, timeouts=Timeouts(1, 0.5, 2, 20))
    live.configure(config_of({"smart": [slow, at(upstream, "ok", "good", NATIVE)]}))
    assert post(live, {"stream": True}).content.startswith(b": ping\n\n")
    assert deltas(list(sdk().responses.create(**BODY, stream=True))) == TEXT


def test_a_failure_after_pings_is_a_failed_response(live, sdk, upstream, monkeypatch):
    """When the 200 is out already, a final failure is the stream's only event."""
    monkeypatch.setattr("proxy.engine.PING_EVERY_S", 0.1)
    live.configure(config_of({"smart": [at(upstream, "hang", timeouts=Timeouts(1, 0.5, 2, 20))]}))
    (event,) = list(sdk().responses.create(**BODY, stream=True))
    assert (event.type, event.sequence_number, event.response.error.code) == ("response.failed", 0, "server_error")


def test_a_client_that_leaves_cancels_the_upstream(live, upstream):
    """Closing the SDK's stream closes the upstream's."""
    live.configure(config_of({"smart": [at(upstream, "silent/30", preset=NATIVE, timeouts=Timeouts(5, 20, 20, 30))]}))

    async def leave():
        async with openai.AsyncOpenAI(base_url=live.url + "/v1", api_key="any", max_retries=0) as client:
            stream = await client.responses.create(**BODY, stream=True)
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
        sdk(default_headers=far).responses.create(**BODY)
    assert told.value.code == "invalid_api_key"
    assert sdk(api_key=key, default_headers=far).responses.create(**BODY).output_text == TEXT
    assert live.records[-1].client_key == "laptop"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", PATH, 405), ("POST", PATH + "/", 404), ("GET", PATH + "/resp_1", 404), ("POST", PATH + "?key=x", 400),
        ("POST", PATH, 400), ("DELETE", PATH + "/resp_1", 404),
    ],
)  # fmt: skip
def test_refusals_are_in_the_dialect(live, method, path, status):
    """Wrong paths, methods and bodies under Responses' path are told in OpenAI's envelope."""
    live.configure(config_of({"smart": []}))
    with httpx.Client(trust_env=False) as client:
        answer = client.request(method, live.url + path, content=b"{}" if method == "POST" else None)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert answer.json()["error"]["type"] in ("invalid_request_error", "not_found_error")
    assert answer.headers["request-id"].startswith("req_")


def test_the_cache_key_is_the_session_in_the_log(live, upstream):
    """Whoever names the key of its prompt cache finds its requests by it."""
    live.configure(config_of({"smart": [at(upstream, "ok")]}))
    post(live, {"prompt_cache_key": "thread-7"})
    assert live.record().session_id == "thread-7"


def test_what_needs_a_memory(live, sdk, upstream):
    """A request that relies on stored responses is a 400 that says what to do."""
    live.configure(config_of({"smart": [at(upstream, "ok")]}))
    with pytest.raises(openai.BadRequestError, match="send the whole conversation in `input`"):
        sdk().responses.create(**BODY, previous_response_id="resp_1")


def test_a_subagent_tag_routes_and_is_removed(live, upstream):
    """The tag in the instructions picks the model, and no upstream of either dialect sees it."""
    tagged = {"instructions": "be brief <CCM-SUBAGENT-MODEL>cheap</CCM-SUBAGENT-MODEL>"}
    for preset in (MESSAGES, NATIVE):
        live.configure(config_of({"smart": [], "cheap": [at(upstream, "ok", preset=preset)]}, default="smart"))
        assert post(live, tagged).headers["x-ccm-route"] == "subagent"
        assert b"CCM-SUBAGENT-MODEL" not in upstream.requests[-1].body
        assert b"be brief" in upstream.requests[-1].body
