"""The light handler, called as a server calls it: with a scope, a receive and a send."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpResponse, StreamingHttpResponse

from ccmsite import light
from ccmsite.light import LightHandler, refuse_websocket
from providers.presets import ECHO_URL
from proxy import logbook, snapshot
from tests import cast
from tests.live import config_of

MB = 1024 * 1024
QUESTION = {"model": "demo", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(autouse=True)
def records(monkeypatch):
    """What goes to the log. The configuration: one model, answered by the echo provider."""
    found = []
    monkeypatch.setattr(snapshot, "_current", config_of({"demo": [cast.target(preset="echo", base_url=ECHO_URL)]}))
    monkeypatch.setattr(snapshot, "_watcher", None)  # one that another test began says nothing of this one
    monkeypatch.setattr(snapshot, "_trouble", "")
    monkeypatch.setattr(logbook.LOGBOOK, "put_nowait", found.append)
    monkeypatch.setattr(logbook.LOGBOOK, "begin", lambda record: None)
    return found


class Client:
    """One request to the handler. It stays connected until `leave` is called."""

    def __init__(self, path="/v1/messages", method="POST", headers=(), body=(b"",), leaves_early=False):
        self.scope = {
            "type": "http", "method": method, "path": path, "query_string": b"", "client": ("127.0.0.1", 5),
            "headers": [(b"host", b"127.0.0.1"), *headers],
        }  # fmt: skip
        self.pieces = [
            {"type": "http.request", "body": piece, "more_body": number < len(body) or leaves_early}
            for number, piece in enumerate(body, 1)
        ]
        self.sent = []
        self.left = asyncio.Event()
        self.begun = asyncio.Event()
        self.taken = 0
        if leaves_early:
            self.left.set()

    def leave(self):
        self.left.set()

    async def receive(self):
        if self.taken < len(self.pieces):
            self.taken += 1
            return self.pieces[self.taken - 1]
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)
        if message.get("body"):
            self.begun.set()

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def headers(self):
        return dict(self.sent[0]["headers"])

    @property
    def body(self):
        return b"".join(message["body"] for message in self.sent[1:])

    async def ask(self, fallback=None):
        await LightHandler(fallback or refused_fallback)(self.scope, self.receive, self.send)
        return self


async def refused_fallback(scope, receive, send):
    raise AssertionError(f"{scope['path']} was handed on")


def view(monkeypatch, function):
    """Have this view answer whatever is asked."""
    monkeypatch.setattr(light, "resolve", lambda path: SimpleNamespace(func=function, args=(), kwargs={}))


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/admin/"), ("GET", "/v1x"), ("GET", "/readyz/"), ("GET", "/static/x")]
)
async def test_what_is_not_ours_is_handed_on_untouched(method, path):
    """Django gets the very scope, receive and send; nothing has been read."""
    client, got = Client(path, method), []

    async def fallback(*given):
        got.extend(given)

    await client.ask(fallback)
    assert got == [client.scope, client.receive, client.send]
    assert client.taken == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/", 200), ("HEAD", "/api/hello", 200), ("GET", "/health", 200), ("GET", "/healthz", 200),
        ("GET", "/v1", 404), ("GET", "/v1/models", 200), ("GET", "/v1/nothing", 404),
    ],
)  # fmt: skip
async def test_our_own_paths_are_answered_here(method, path, status):
    """Probes and everything under /v1 never reach Django's handler; the length is told."""
    client = await Client(path, method).ask()
    assert client.status == status
    assert client.headers[b"content-length"] == str(len(client.body)).encode()


async def test_a_body_in_pieces_is_one_body(records):
    """However the server cut it, the view sees the whole."""
    text = json.dumps(QUESTION).encode()
    client = await Client(body=(text[:1], text[1:20], b"", text[20:])).ask()
    assert client.status == 200
    assert json.loads(client.body)["content"][0]["text"] == "echo: hello"
    assert [record.outcome for record in records] == ["ok"]


async def test_a_stream_is_sent_piece_by_piece():
    """Each piece is a message of its own, without a length, and the last one is empty."""
    client = await Client(body=(json.dumps({**QUESTION, "stream": True}).encode(),)).ask()
    assert b"content-length" not in client.headers
    assert client.headers[b"content-type"].startswith(b"text/event-stream")
    pieces = client.sent[1:]
    assert all(piece["more_body"] for piece in pieces[:-1])
    assert pieces[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert b"event: message_stop" in client.body


async def test_a_client_that_leaves_before_its_request_is_read_is_not_served(monkeypatch):
    """No view runs and nothing is sent."""
    view(monkeypatch, refused_fallback)
    client = await Client(body=(b"half",), leaves_early=True).ask()
    assert client.sent == []


async def test_a_client_that_leaves_ends_the_view(monkeypatch):
    """The view is cancelled at once; for the server that is an ordinary end."""
    began, ended = asyncio.Event(), []

    async def waiting(request):
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    view(monkeypatch, waiting)
    client = Client()
    task = asyncio.create_task(client.ask())
    await began.wait()
    client.leave()
    await task
    assert (ended, client.sent) == ([True], [])


async def test_a_client_that_leaves_a_stream_cuts_the_upstream(records):
    """The engine behind a stream is told, and its record says who ended it."""
    hanging = cast.target(preset="echo", base_url=ECHO_URL, extra_headers=(("x-ccm-drill", "hang"),))
    snapshot._current = config_of({"demo": [hanging]})
    client = Client(body=(json.dumps({**QUESTION, "stream": True}).encode(),))
    task = asyncio.create_task(client.ask())
    await asyncio.sleep(0.05)
    client.leave()
    await task
    async with asyncio.timeout(20):
        while not records:
            await asyncio.sleep(0.01)
    assert [(record.outcome, record.status) for record in records] == [("client_gone", 499)]


async def test_a_server_that_ends_is_not_mistaken_for_a_client_that_left(monkeypatch):
    """A cancellation from outside goes on to whoever made it."""
    began = asyncio.Event()

    async def waiting(request):
        began.set()
        await asyncio.Event().wait()

    view(monkeypatch, waiting)
    task = asyncio.create_task(Client().ask())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_watch_for_the_client_ends_with_the_answer():
    """No task is left behind."""
    before = asyncio.all_tasks()
    await Client("/health", "GET").ask()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("fails", [False, True])
async def test_a_streamed_body_is_closed_however_it_ends(monkeypatch, fails):
    """What the response holds is released after the last piece, and when the server can send no more."""
    closed = []

    class Body:
        def __aiter__(self):
            return self.pieces()

        async def pieces(self):
            yield b"one"
            yield b"two"

        def close(self):
            closed.append(True)

    async def streaming(request):
        return StreamingHttpResponse(Body())

    view(monkeypatch, streaming)
    client = Client()
    if fails:

        async def send(message):
            raise OSError("the transport is gone")

        client.send = send
        with pytest.raises(OSError, match="transport"):
            await client.ask()
    else:
        assert (await client.ask()).body == b"onetwo"
    assert closed == [True]


@pytest.mark.parametrize(
    ("error", "status", "type_"),
    [
        (Http404("x"), 404, "not_found_error"),
        (SuspiciousOperation("sk-canary"), 400, "invalid_request_error"),
        (UnicodeError("sk-canary"), 400, "invalid_request_error"),
        (ValueError("sk-canary"), 400, "invalid_request_error"),
        (RuntimeError("sk-canary"), 500, "api_error"),
    ],
)
async def test_a_view_that_raises_is_an_error_in_the_envelope(monkeypatch, error, status, type_):
    """The client gets status, type and request id, and never the exception's own words."""

    async def failing(request):
        raise error

    view(monkeypatch, failing)
    client = await Client().ask()
    told = json.loads(client.body)
    assert (client.status, told["type"], told["error"]["type"]) == (status, "error", type_)
    assert told["request_id"] == client.headers[b"request-id"].decode()
    assert b"sk-canary" not in client.body


async def test_header_names_are_sent_in_lower_case(monkeypatch):
    """As the protocol asks; the body goes out as it is."""

    async def plain(request):
        return HttpResponse("é", headers={"X-Some-Thing": "1"})

    view(monkeypatch, plain)
    client = await Client().ask()
    assert client.headers[b"x-some-thing"] == b"1"
    assert client.body == "é".encode()


async def test_a_body_announced_too_large_is_refused_unread(settings):
    """413 before a byte of it was taken; the connection is not used again."""
    settings.CCM_MAX_BODY_BYTES = MB
    client = await Client(headers=[(b"content-length", str(MB + 1).encode())], body=(b"x" * 99,)).ask()
    assert (client.status, client.taken) == (413, 0)
    assert client.headers[b"connection"] == b"close"
    assert "CCM_MAX_BODY_MB" in json.loads(client.body)["error"]["message"]


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"5")], [(b"content-length", b"lots")]])
async def test_a_body_that_grows_too_large_is_cut_off(settings, headers):
    """Without an announcement, or with a false one, reading stops at the cap."""
    settings.CCM_MAX_BODY_BYTES = MB
    client = await Client(headers=headers, body=(b"x" * MB, b"x", b"x", b"x")).ask()
    assert (client.status, client.taken) == (413, 2)


async def test_a_stranger_sends_no_large_body(settings):
    """Without a key a large body is refused unread, and a small one by the view; neither is served."""
    settings.CCM_REQUIRE_CLIENT_KEY = "always"
    large = await Client(headers=[(b"content-length", str(light.CHECK_FIRST_BYTES + 1).encode())], body=(b"x",)).ask()
    assert (large.status, large.taken) == (401, 0)
    assert json.loads(large.body)["error"]["type"] == "authentication_error"
    small = await Client(body=(json.dumps(QUESTION).encode(),)).ask()
    assert (small.status, small.taken) == (401, 1)


async def test_a_websocket_is_refused_and_not_left_open():
    """Whoever knocks gets a close frame."""
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    await refuse_websocket({"type": "websocket", "path": "/"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 4404}]
