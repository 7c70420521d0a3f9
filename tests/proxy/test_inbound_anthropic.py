import json

import pytest

from providers.wire.messages import PING
from proxy.errors import ApiError
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.inbound.json_body import MAX_BRACKETS

GOOD = {"model": "claude-x", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}


def parse(body, headers=None, operation="messages"):
    return ANTHROPIC.parse(
        body if isinstance(body, bytes) else json.dumps(body).encode(), headers or {}, operation, False
    )


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "empty"),
        (b"  \n", 400, "empty"),
        (b"null", 400, "object"),
        (b"[1]", 400, "object"),
        (b'"text"', 400, "object"),
        (b"{", 400, "JSON"),
        (b'{"model": "x", "messages": [],}', 400, "JSON"),
        (b'{"model": "x", "messages": []} trailing', 400, "JSON"),
        (b'\xef\xbb\xbf{"model": "x", "messages": []}', 400, "JSON"),
        ('{"model": "x", "messages": []}'.encode("utf-16"), 400, "UTF-8"),
        (b'{"model": "\xff", "messages": []}', 400, "UTF-8"),
        (b'{"model": NaN, "messages": []}', 400, "JSON"),
        (b'{"model": "x", "messages": [], "temperature": Infinity}', 400, "JSON"),
        (b'{"messages": []}', 400, "model"),
        (b'{"model": 7, "messages": []}', 400, "model"),
        (b'{"model": "", "messages": []}', 400, "model"),
        (b'{"model": "x"}', 400, "messages"),
        (b'{"model": "x", "messages": {}}', 400, "messages"),
        (b'{"model": "x", "messages": [], "stream": "yes"}', 400, "stream"),
        (b'{"model": "x", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "deep"),
        (b'{"model": "x", "messages": [' + b"[]," * MAX_BRACKETS + b"[]]}", 413, "arrays"),
    ],
)  # fmt: skip
def test_bad_bodies_get_a_clear_error(body, status, words):
    """A body that cannot be served is refused with the status and a message that names the fault."""
    with pytest.raises(ApiError) as refused:
        parse(body)
    assert refused.value.status == status
    assert words in refused.value.message


@pytest.mark.parametrize(
    "extra",
    [
        {"unknown_field": {"deep": [1, 2]}},
        {"tools": [{"type": "future_tool_20990101", "name": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "future_block", "x": 1}]}]},
        {"messages": [{"role": "user", "content": "\ud83d"}]},
        {"stream": None},
    ],
)
def test_what_we_have_never_heard_of_is_no_error(extra):
    """Unknown fields, tools and blocks, and half a surrogate pair, are accepted and kept."""
    body = {**GOOD, **extra}
    assert json.loads(parse(body).body) == body


def test_duplicate_keys_the_last_one_wins_everywhere():
    """Routing and the forwarded body see the same, last value of a repeated key."""
    request = parse(b'{"model": "first", "messages": [], "model": "last"}')
    assert request.model == "last"
    assert json.loads(request.with_model("new").body) == {"model": "new", "messages": []}
    assert b"first" not in request.with_model("new").body


def test_only_harmless_headers_are_forwarded():
    """Anthropic's own headers travel; keys, cookies and unprintable values do not."""
    headers = {
        "anthropic-beta": "a,b", "x-claude-code-session-id": "s", "x-api-key": "secret", "cookie": "c",
        "authorization": "Bearer secret", "anthropic-version": "2023-06-01", "x-app": "c\u00e9", "host": "h",
    }  # fmt: skip
    assert dict(parse(GOOD, headers).headers) == {
        "anthropic-beta": "a,b", "x-claude-code-session-id": "s", "anthropic-version": "2023-06-01",
    }  # fmt: skip


def test_a_token_count_never_streams():
    """`stream` in a count request means nothing."""
    assert parse({**GOOD, "stream": True}, operation="count_tokens").stream is False


def test_errors_have_the_envelope():
    """Both forms of an error are Anthropic's envelope with the request id."""
    error = ApiError(429, "rate_limit_error", "slow down")
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}, "request_id": "req_1"}
    assert json.loads(ANTHROPIC.render_error(error, "req_1")) == body
    event = ANTHROPIC.renderer(parse(GOOD)).render_error(error, "req_1")
    assert event.startswith(b"event: error\ndata: {") and event.endswith(b"}\n\n")
    assert ANTHROPIC.ping == PING.frame
