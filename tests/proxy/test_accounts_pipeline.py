"""Providers that accounts sign in to, through the whole proxy, at upstreams as strict as the real ones."""

import json

import anthropic
import httpx
import openai
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from providers import google_adc
from providers.targets import Secret, SpareKey
from tests import cast
from tests.live import config_of
from tests.upstream_accounts import CODEX_REFUSES, refused_by_codex
from tests.upstream_answers import TEXT, TOOL_INPUT
from tests.upstream_faults import FAULTS

TOKEN, ACCOUNT = "token-canary-0123456789", "acct-0123"
TOOLS = [{"name": "get_weather", "description": "d", "input_schema": {"type": "object", "properties": {}}}]
BODY = {"model": "smart", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


def signed_in(upstream, preset, path, **fields):
    return cast.target(
        preset=preset, base_url=f"{upstream.url}/{path}", secret=Secret(TOKEN), signed_in=True, account=ACCOUNT,
        **fields,
    )  # fmt: skip


def on_codex(upstream, path="codex", **fields):
    return signed_in(upstream, "codex", path, model="gpt-5.3-codex", **fields)


@pytest.fixture
def claude(live):
    with anthropic.Anthropic(base_url=live.url, api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def gpt(live):
    with openai.OpenAI(base_url=live.url + "/v1", api_key="any", max_retries=0) as client:
        yield client


def test_codex_answers_clients_that_do_not_stream(live, claude, gpt, upstream):
    """That backend only streams: whole answers are put together here, for every kind of client."""
    live.configure(config_of({"smart": [on_codex(upstream)]}))
    told = claude.messages.create(**BODY, metadata={"user_id": "u"}, extra_body={"temperature": 0.5})
    assert told.content[0].text == TEXT
    chat = gpt.chat.completions.create(model="smart", messages=[{"role": "system", "content": "s"}, *BODY["messages"]])
    assert chat.choices[0].message.content == TEXT
    responses = gpt.responses.create(model="smart", input="hi", temperature=1, store=False, truncation="auto")
    assert responses.output_text == TEXT
    assert all(request.json["stream"] is True for request in upstream.requests)


def test_codex_streams_with_tools_and_thinking(live, claude, upstream):
    """A stream with a tool and thinking is taken, the session named, and nobody pretends to be another client."""
    live.configure(config_of({"smart": [on_codex(upstream)]}))
    asked = BODY | {
        "tools": TOOLS, "tool_choice": {"type": "any"}, "thinking": {"type": "enabled", "budget_tokens": 1024},
        "max_tokens": 2000, "metadata": {"user_id": '{"device_id":"d","session_id":"s-1"}'},
        "system": [{"type": "text", "text": "be brief"}],
    }  # fmt: skip
    asked["messages"] = [*BODY["messages"], {"role": "system", "content": "mind the gap"}]
    with claude.messages.stream(**asked) as stream:
        answer = stream.get_final_message()
    (call,) = [block for block in answer.content if block.type == "tool_use"]
    assert (call.name, call.input) == ("get_weather", TOOL_INPUT)
    sent = upstream.requests[-1]
    assert sent.path == "/codex/responses"
    told = {name: sent.headers.get(name) for name in ("authorization", "chatgpt-account-id", "originator")}
    assert told == {"authorization": f"Bearer {TOKEN}", "chatgpt-account-id": ACCOUNT, "originator": "ccm"}
    assert (sent.headers["user-agent"], sent.headers["session_id"]) == ("ccm", "s-1")
    assert sent.json["include"] == ["reasoning.encrypted_content"] and sent.json["prompt_cache_key"] == "s-1"
    assert "max_tokens" not in sent.json


def test_null_instructions_are_none(live, gpt, upstream):
    """A Responses client that says `instructions: null` is answered as one that says nothing."""
    live.configure(config_of({"smart": [on_codex(upstream)]}))
    with httpx.Client(trust_env=False, timeout=20) as http:
        body = {"model": "smart", "input": "hi", "instructions": None}
        answer = http.post(f"{live.url}/v1/responses", json=body)
    assert answer.status_code == 200, answer.text
    assert upstream.requests[-1].json["instructions"] == ""


def test_a_session_that_is_no_header_is_left_out(live, claude, upstream):
    """A session's name with blanks or letters that no header holds goes into the body alone."""
    live.configure(config_of({"smart": [on_codex(upstream)]}))
    for name in ("two words", "ä", "a\\r\\nx: y"):
        user = json.dumps({"session_id": name})
        claude.messages.create(**BODY, metadata={"user_id": user})
        assert "session_id" not in upstream.requests[-1].headers


def test_a_used_up_plan_is_left_for_the_next_target(live, claude, upstream):
    """What the backend says of a plan's limit is a quota with its wait, and the next target answers."""
    limit = {"type": "usage_limit_reached", "message": "The usage limit has been reached", "resets_in_seconds": 900}
    upstream.play(json.dumps({"error": limit}).encode(), 429, "application/json")
    spare = cast.target("spare", base_url=f"{upstream.url}/ok")
    live.configure(config_of({"smart": [on_codex(upstream, "play"), spare]}))
    assert claude.messages.create(**BODY).content[0].text == TEXT
    first = live.record().attempts[0]
    assert (first.outcome, first.status) == ("quota", 429)


@pytest.mark.parametrize("beta", ["", "context-1m-2025-08-07, other", "x,oauth-2025-04-20"])
def test_a_claude_account_is_opened_by_a_token(live, upstream, beta):
    """The token goes as a bearer token with the beta beside the client's own, once; count and list of models too."""
    live.configure(config_of({"smart": [signed_in(upstream, "anthropic", "claude_account", model="claude-x")]}))
    headers = {"x-api-key": "any", "anthropic-version": "2023-06-01"} | ({"anthropic-beta": beta} if beta else {})
    with httpx.Client(trust_env=False, timeout=20, headers=headers) as http:
        assert http.post(f"{live.url}/v1/messages", json=BODY).json()["content"][0]["text"] == TEXT
        assert http.post(f"{live.url}/v1/messages/count_tokens", json=BODY).status_code == 200
    for sent in upstream.requests:
        assert sent.headers["authorization"] == f"Bearer {TOKEN}" and "x-api-key" not in sent.headers
        told = sent.headers["anthropic-beta"]
        assert told.startswith(beta) and told.count("oauth-2025-04-20") == 1
        assert "chatgpt-account-id" not in sent.headers


def test_code_assist_is_spoken_to_in_its_wrapping(live, claude, upstream):
    """Whole answers, streams and counts come out of Code Assist's wrapping, asked for under the account's project."""
    target = signed_in(upstream, "code-assist", "code_assist", model="gemini-3-pro-preview", project="p-1")
    live.configure(config_of({"smart": [target]}))
    assert claude.messages.create(**BODY).content[0].text == TEXT
    with claude.messages.stream(**BODY) as stream:
        assert stream.get_final_text() == TEXT
    assert claude.messages.count_tokens(model="smart", messages=BODY["messages"]).input_tokens > 0
    paths = [request.path.rpartition("/")[2] for request in upstream.requests]
    assert paths == ["v1internal:generateContent", "v1internal:streamGenerateContent?alt=sse", "v1internal:countTokens"]
    assert upstream.requests[0].json["project"] == "p-1"


def test_a_token_is_never_shown(live, claude, upstream):
    """An upstream that quotes the token it refuses does not give it to the client or the log."""
    live.configure(config_of({"smart": [signed_in(upstream, "anthropic", "echo-key", model="claude-x")]}))
    with pytest.raises(anthropic.APIStatusError) as raised:
        claude.messages.create(**BODY)
    assert TOKEN not in raised.value.response.text
    assert TOKEN not in repr(live.record())


def test_each_account_of_a_provider_has_its_own_header(live, claude, upstream):
    """Of several accounts each call carries the token of one and the name of the same one."""
    spare = SpareKey(Secret("other-token-0123456789"), 2, signed_in=True, account="acct-other")
    live.configure(config_of({"smart": [on_codex(upstream, credential_id=1, spare_keys=(spare,))]}))
    for _ in range(4):
        claude.messages.create(**BODY)
    pairs = {(r.headers["authorization"], r.headers["chatgpt-account-id"]) for r in upstream.requests}
    assert pairs <= {(f"Bearer {TOKEN}", ACCOUNT), ("Bearer other-token-0123456789", "acct-other")}
    assert len(pairs) == 2


def key_file(upstream):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    shape = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    told = {"type": "service_account", "client_email": "robot@p.example", "token_uri": f"{upstream.url}/play"}
    return json.dumps({**told, "private_key": key.private_bytes(*shape).decode()})


def test_vertex_is_called_with_a_token_of_the_key_file(live, claude, upstream, monkeypatch):
    """The file signs for a token; one that is refused is replaced by another, and the file itself is never sent."""

    async def vertex(exchange, *_rest_of_the_path):
        known = exchange.request.headers.get("authorization") == "Bearer token-canary-2"
        await (exchange.json(200, exchange.dialect.body()) if known else exchange.error(401, "no"))

    monkeypatch.setitem(FAULTS, "vertex", vertex)
    google_adc.forget()
    for number in (1, 2):
        told = {"access_token": f"token-canary-{number}", "expires_in": 3600}
        upstream.play(json.dumps(told).encode(), 200, "application/json")
    target = cast.target(
        preset="vertex-ai", base_url=f"{upstream.url}/vertex", secret=Secret(key_file(upstream)), project="p",
        location="global", model="gemini-3-pro",
    )  # fmt: skip
    live.configure(config_of({"smart": [target]}))
    for _ in range(2):
        assert claude.messages.create(**BODY).content[0].text == TEXT
    calls = [r for r in upstream.requests if "generateContent" in r.path]
    tokens = [request.headers["authorization"].rpartition("-")[2] for request in calls]
    assert tokens == ["1", "2", "2"]
    assert not any(b"PRIVATE KEY" in request.body or "PRIVATE" in str(request.headers) for request in upstream.requests)
    google_adc.forget()


def test_the_strict_backend_is_strict():
    """What the real Codex backend refuses is refused by the one these tests stand on."""
    headers = {"authorization": "Bearer t", "chatgpt-account-id": "acct", "originator": "x", "user-agent": "x"}
    fine = {"instructions": "", "store": False, "stream": True, "input": []}
    assert refused_by_codex(headers, fine) == ""
    for broken in (
        *({**fine, name: 1} for name in CODEX_REFUSES), {**fine, "instructions": None}, {**fine, "store": True},
        {**fine, "stream": False}, {**fine, "input": "hi"}, {**fine, "input": [{"role": "system"}]},
    ):  # fmt: skip
        assert refused_by_codex(headers, broken)
    for name in ("authorization", "chatgpt-account-id"):
        assert refused_by_codex({k: v for k, v in headers.items() if k != name}, fine)
    assert refused_by_codex({**headers, "x-api-key": "k"}, fine)
