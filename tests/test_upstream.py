"""The scripted upstream itself: what it promises the tests that lean on it."""

import json
import socket
import time
from urllib.parse import urlsplit

import pytest

from tests.upstream import ScriptedUpstream
from tests.upstream_answers import TOOL_INPUT
from tests.upstream_faults import FAULTS

MESSAGES, CHAT, RESPONSES = "/v1/messages", "/chat/completions", "/responses"
GEMINI, GEMINI_STREAM = "/v1beta/models/g-3:generateContent", "/v1beta/models/g-3:streamGenerateContent?alt=sse"


@pytest.fixture
def up():
    with ScriptedUpstream() as server:
        yield server


def connect(up, path, body, headers=()):
    parts = urlsplit(up.url)
    sock = socket.create_connection((parts.hostname, parts.port), timeout=10)
    payload = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {len(payload)}", *headers, "", ""]
    sock.sendall("\r\n".join(lines).encode() + payload)
    return sock


def read_all(sock, stop=b""):
    """Everything until the end of the connection, or until `stop` has come; (bytes, was it reset)."""
    data = bytearray()
    try:
        while piece := sock.recv(65536):
            data += piece
            if stop and stop in data[-len(piece) - len(stop) :]:
                break
    except ConnectionResetError:
        return bytes(data), True
    return bytes(data), False


def ask(up, path, stop=b"", headers=(), **body):
    with connect(up, path, {"model": "m", "messages": [], **body}, headers) as sock:
        return read_all(sock, stop)


def unchunked(data):
    head, _, rest = data.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    body = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if int(size, 16) == 0:
            return body
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]


def text_of(data):
    found = ""
    for line in data.splitlines():
        if line.startswith(b"data: {"):
            event = json.loads(line[6:])
            delta = event.get("delta", {})
            found += delta if isinstance(delta, str) else delta.get("text", "")
            for candidate in event.get("candidates", ()):
                found += "".join(part.get("text", "") for part in candidate["content"]["parts"])
            for choice in event.get("choices", ()):
                found += choice["delta"].get("content") or ""
    return found


@pytest.mark.parametrize("name", ["ok", "drip", "slow/1", "silent/0.01"])
@pytest.mark.parametrize("path", [MESSAGES, CHAT, RESPONSES, GEMINI_STREAM])
def test_complete_streams_say_hello(up, name, path):
    """Every stream that ends well says Hello in its dialect."""
    data, _ = ask(up, f"/{name}{path}", b"0\r\n\r\n", stream=True)
    body = unchunked(data)
    assert text_of(body) == "Hello"
    assert (b"message_stop" in body) is (path == MESSAGES)
    assert up.aborted == []


@pytest.mark.parametrize("path", [MESSAGES, CHAT, RESPONSES, GEMINI])
def test_whole_answers_and_tools(up, path):
    """Without streaming the answer is JSON; a request that insists on a tool gets its call."""
    data, _ = ask(up, f"/ok{path}", b"}}")
    assert b"Hello" in data
    choice = {"type": "any"} if path == MESSAGES else "required"
    tools = [{"name": "t9", "function": {"name": "t9"}, "functionDeclarations": [{"name": "t9"}]}]
    forced = {"tool_choice": choice, "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}
    data, _ = ask(up, f"/ok{path}", b"}}", tools=tools, **forced)
    assert b'"t9"' in data
    assert str(TOOL_INPUT["city"]).encode() in data
    streamed = GEMINI_STREAM if path == GEMINI else path
    data, _ = ask(up, f"/tool{streamed}", b"0\r\n\r\n", stream=True, tools=tools)
    assert b"t9" in data


def test_requests_are_recorded(up):
    """Method, path, headers and body of every request are kept."""
    ask(up, f"/ok{MESSAGES}?beta=true", b"}}", ["X-Api-Key: k"], system="s")
    (request,) = up.requests
    assert (request.method, request.path) == ("POST", "/ok/v1/messages?beta=true")
    assert request.headers["x-api-key"] == "k"
    assert request.json["system"] == "s"


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("status/529", 529, b"overloaded_error"),
        ("status/429/retry-after/7", 429, b"retry-after: 7"),
        ("toolong", 400, b"prompt is too long"),
        ("html200", 200, b"<!DOCTYPE html>"),
        ("html502", 502, b"Bad Gateway"),
        ("err200", 200, b'"type":"error"'),
        ("garbage", 200, b"oops"),
        ("empty200", 200, b"content-length: 0"),
        ("empty_answer", 200, b'"content":[]'),
        ("echo-key", 401, b"sk-mine"),
        ("redirect", 307, b"/elsewhere/v1/messages"),
        ("hdr200k", 200, b"x-filler-199"),
        ("sseforjson", 200, b"message_stop"),
        ("jsonforsse", 200, b"end_turn"),
        ("bomb", 200, b"content-encoding: gzip"),
        ("nobody", 501, b"no fault is called nobody"),
    ],
)
def test_answers_with_a_status(up, name, status, words):
    """A fault that is an answer has its status and its words."""
    data, _ = ask(up, f"/{name}{MESSAGES}", words, ["x-api-key: sk-mine"])
    assert data.startswith(b"HTTP/1.1 %d " % status)
    assert words in data


@pytest.mark.parametrize(
    ("name", "reset", "has", "lacks"),
    [
        ("rst", True, b"", b"HTTP"),
        ("close", False, b"", b"HTTP"),
        ("cut0", False, b"HTTP/1.1 200", b"message_start"),
        ("cutstart", False, b"message_start", b"text_delta"),
        ("cutrst", True, b"Hel", b"message_stop"),
        ("cutclose", False, b"Hel", b"chunked"),
        ("cuttool", False, b"input_json_delta", b"content_block_stop"),
        ("badchunk", False, b"zz\r\n", b"message_stop"),
        ("cutlen", False, b"Hel", b"message_stop"),
        ("nothttp", False, b"SSH", b"HTTP/1.1"),
    ],
)
def test_broken_connections(up, name, reset, has, lacks):
    """A fault that breaks the connection breaks it where it says, by FIN or by RST."""
    data, was_reset = ask(up, f"/{name}{MESSAGES}", stream=True)
    assert was_reset is reset
    assert has in data
    assert lacks not in data
    assert up.aborted == []


@pytest.mark.parametrize(("name", "first"), [("sse_error_first", False), ("sse_error_mid", True)])
def test_errors_inside_streams(up, name, first):
    """A stream can report an error before or after its first content."""
    data, _ = ask(up, f"/{name}{MESSAGES}", b"0\r\n\r\n", stream=True)
    assert b"event: error" in data
    assert (b"Hel" in data) is first


@pytest.mark.parametrize(
    ("name", "seen"),
    [("hang", b""), ("hdrhang", b"200"), ("pinghang", b"ping"), ("flood", b"xxx"), ("overtime", b"more")],
)
def test_a_peer_that_leaves_is_noticed(up, name, seen):
    """An endless answer ends when the peer goes, and the moment is kept."""
    with connect(up, f"/{name}{MESSAGES}", {"stream": True}) as sock:
        if seen:
            read_all(sock, seen)
        assert up.wait_for(lambda server: len(server.requests) == 1)
        left = time.monotonic()
    assert up.wait_aborted()
    assert 0 <= up.aborted[0] - left < 2


@pytest.mark.parametrize("path", [MESSAGES, CHAT, RESPONSES, GEMINI_STREAM])
def test_every_dialect_breaks_after_content(up, path):
    """A fault after content comes after content, in each dialect, and an error after it is in its words."""
    data, was_reset = ask(up, f"/cutrst{path}", stream=True)
    assert was_reset
    assert b"Hel" in data
    data, _ = ask(up, f"/sse_error_mid{path}", b"0\r\n\r\n", stream=True)
    assert b"Hel" in data
    assert b"overloaded" in data.lower()
    data, _ = ask(up, f"/toolong{path}", b'"}')
    assert data.startswith(b"HTTP/1.1 400 ")


def test_giant_event_is_sent_whole(up):
    """The giant event exceeds every sensible cap."""
    data, _ = ask(up, f"/giantline{MESSAGES}", b"\r\n0\r\n\r\n", stream=True)
    assert len(data) > 16 * 1024 * 1024


def test_count_tokens(up):
    """The counting endpoint counts, and faults apply to it as well."""
    assert b'{"input_tokens":12}' in ask(up, f"/ok{MESSAGES}/count_tokens", b"}")[0]
    assert b"500" in ask(up, f"/status/500{MESSAGES}/count_tokens", b'm"}')[0]
    assert b'"input_tokens":12}' in ask(up, "/ok/responses/input_tokens", b"}")[0]
    assert b'{"totalTokens":12}' in ask(up, "/ok/v1beta/models/g-3:countTokens", b"}")[0]


def test_played_answers_are_sent_as_they_are(up):
    """Calls under /play get the queued bodies, whole or as the frames of a stream."""
    up.play(b"{}", 418, "text/plain")
    up.play([b"data: 1\n\n", b"data: 2\n\n"])
    assert ask(up, f"/play{CHAT}", b"{}")[0].startswith(b"HTTP/1.1 418 ")
    assert unchunked(ask(up, f"/play{GEMINI_STREAM}", b"0\r\n\r\n")[0]) == b"data: 1\n\ndata: 2\n\n"


def test_script_is_consumed_in_order(up):
    """Calls under /script get the queued answers in order, then ok; one connection serves them all."""
    up.script(["status/529", "toolong"])
    seen = [ask(up, f"/script{MESSAGES}", b"}")[0][9:12] for _ in range(3)]
    assert seen == [b"529", b"400", b"200"]


def test_connection_is_kept_alive(up):
    """A finished answer leaves the connection open for the next request."""
    with connect(up, f"/ok{MESSAGES}", {}) as sock:
        read_all(sock, b"}}")
        sock.sendall(b"POST /status/418/v1/messages HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
        assert b"418" in read_all(sock, b'm"}')[0]
    assert up.connections == 1


def test_every_fault_has_a_docstring():
    """Each fault says what it does."""
    assert len(FAULTS) >= 36
    assert all(function.__doc__ for function in FAULTS.values())
