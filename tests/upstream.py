"""A real upstream on a loopback port that answers, or misbehaves, as the path it is called under says.

    with ScriptedUpstream() as up:
        provider.base_url = f"{up.url}/status/429/retry-after/7"

The end of the path decides the dialect (`/v1/messages`, `/v1/messages/count_tokens`, `/chat/completions`,
`/responses`, `/responses/input_tokens`, `/models/NAME:generateContent` and Gemini's other verbs); what stands
before it names a fault of `FAULTS` and its arguments. `/script` takes the next name that `up.script([...])`
has queued, `ok` when none is left; `/play` sends what `up.play(...)` has queued. Every exchange is raw bytes on a
socket, so that no HTTP library can tidy up what a broken server would send.
"""

import asyncio
import contextlib
import json
import socket
import struct
import threading
import time
from collections import deque
from typing import NamedTuple

from tests import (
    upstream_accounts,  # noqa: F401 (fills FAULTS)
    upstream_raw,  # noqa: F401 (registers its faults)
)
from tests.upstream_answers import Anthropic, OpenAI, dumps
from tests.upstream_faults import FAULTS
from tests.upstream_gemini import Gemini
from tests.upstream_responses import Responses

SUFFIXES = (
    ("v1", "messages", "count_tokens"), ("v1", "messages"), ("chat", "completions"), ("responses", "input_tokens"),
    ("responses",), ("models",),
)  # fmt: skip


class Request(NamedTuple):
    """A request as it came in; header names in lower case, the path with its fault."""

    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body or b"{}")


class ScriptedUpstream:
    """The server, in a thread of its own. `requests`, `aborted` and `sent` tell what happened to it."""

    def __init__(self):
        self.requests = []
        self.aborted = []
        """`time.monotonic()` of every exchange that the peer left before its end."""
        self.sent = 0
        """Bytes handed to the sockets."""
        self.connections = 0
        self.plays = deque()
        self._script = deque()
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._tasks = set()

    def __enter__(self):
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="upstream", daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the scripted upstream did not start")
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def script(self, names):
        """Queue what the next calls under `/script` get."""
        self._script.extend(names)

    def play(self, body, status=200, content_type=""):
        """Queue the answer that the next call under `/play` gets: bytes, or the frames of a stream."""
        self.plays.append((body, status, content_type))

    def wait_for(self, condition, timeout=30.0):
        """True once `condition(self)` holds; asked again after every request and abort."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout)

    def wait_aborted(self, count=1, timeout=30.0):
        """True once the peer has left `count` exchanges early."""
        return self.wait_for(lambda up: len(up.aborted) >= count, timeout)

    async def _main(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=1 << 20)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for _ in range(5):  # who was accepted just now gets its task begun: one ended before that closes nothing
            await asyncio.sleep(0)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()

    def note(self, record, value):
        with self._changed:
            record.append(value)
            self._changed.notify_all()

    async def _connection(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        self.connections += 1
        try:
            early = b""
            while (request := await _read_request(reader, writer, early)) is not None:
                self.note(self.requests, request)
                early = await self._exchange(request, reader, writer)
                if early is None:
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _exchange(self, request, reader, writer):
        """Answer one request. None when the connection is over, else what was read of the next request."""
        exchange = Exchange(self, request, writer)
        answer = asyncio.create_task(exchange.answer(self._fault(request)))
        watch = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({answer, watch}, return_when=asyncio.FIRST_COMPLETED)
            if watch.done() and not answer.done() and (watch.exception() or not watch.result()):
                self.note(self.aborted, time.monotonic())
                return None
            try:
                await answer
            except ConnectionError:
                self.note(self.aborted, time.monotonic())
                return None
            if exchange.closing:
                return None
            watch.cancel()
            await asyncio.wait({watch})
            return b"" if watch.cancelled() else watch.result()
        finally:
            answer.cancel()
            watch.cancel()
            await asyncio.gather(answer, watch, return_exceptions=True)

    def _fault(self, request):
        parts = [part for part in request.path.partition("?")[0].split("/") if part]
        # Code Assist's own: everything is a method of its version.
        parts = parts[: next((n for n, part in enumerate(parts) if part.startswith("v1internal")), None)]
        if parts[-2:-1] == ["models"] and ":" in parts[-1]:
            parts = parts[:-2]
        for suffix in SUFFIXES:
            if tuple(parts[-len(suffix) :]) == suffix:
                parts = parts[: -len(suffix)]
                break
        if parts[-1:] in (["v1"], ["v1beta"]):
            parts.pop()
        if parts[:1] == ["script"]:
            parts = (self._script.popleft() if self._script else "ok").split("/")
        return parts or ["ok"]


async def _read_request(reader, writer, early):
    try:
        head = early + await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return Request(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return Request(method, path, headers, body)


def dialect_of(path):
    """Whose answers a path gets."""
    if path.endswith("/chat/completions"):
        return OpenAI
    if path.endswith(("/responses", "/responses/input_tokens")):
        return Responses
    return Gemini if path.endswith((":generateContent", ":streamGenerateContent", ":countTokens")) else Anthropic


class Exchange:
    """One request and what can be sent back."""

    def __init__(self, upstream, request, writer):
        self.upstream, self.request, self.writer = upstream, request, writer
        self.closing = False
        path = request.path.partition("?")[0]
        try:
            self.asked = request.json
        except ValueError:
            self.asked = {}
        self.counts = path.endswith(("/count_tokens", "/input_tokens", ":countTokens"))
        streams = path.endswith(":streamGenerateContent") or bool(self.asked.get("stream"))
        self.stream = streams and not self.counts
        self.dialect = dialect_of(path)(self.asked)

    async def answer(self, fault):
        name, *args = fault
        if self.request.path.partition("?")[0].endswith("/models") and name == "ok":
            await self.json(200, {"data": [{"id": "m", "object": "model"}], "object": "list"})
        elif name in FAULTS:
            await FAULTS[name](self, *args)
        else:
            await self.json(501, {"error": {"type": "test_error", "message": f"no fault is called {name}"}})

    async def raw(self, data):
        self.upstream.sent += len(data)
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status=200, content_type="", *headers):
        """A head; without a content-length among `headers`, the body is chunked."""
        if not content_type:
            content_type = "text/event-stream" if self.stream else "application/json"
        lines = [f"HTTP/1.1 {status} Scripted", f"content-type: {content_type}", "request-id: req_upstream", *headers]
        if not any(line.startswith(("content-length", "connection: close")) for line in headers):
            lines.append("transfer-encoding: chunked")
        await self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")

    async def chunk(self, *parts):
        for data in parts:
            await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def finish(self):
        await self.raw(b"0\r\n\r\n")

    async def whole(self, status, content_type, body, *headers):
        await self.head(status, content_type, f"content-length: {len(body)}", *headers)
        await self.raw(body)

    async def json(self, status, value, *headers):
        await self.whole(status, "application/json", dumps(value), *headers)

    async def error(self, status, message, *headers):
        await self.json(status, self.dialect.error(status, message), *headers)

    async def forever(self):
        await asyncio.Event().wait()

    def close(self):
        """Close after this exchange, the answer finished or not."""
        self.closing = True

    def reset(self):
        """Close with a RST instead of a FIN."""
        self.closing = True
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def first_frames(self):
        """The start and the content up to its first piece."""
        start = self.dialect.start()
        return [*start, *(piece for _, piece in zip(range(2), self.dialect.content(("Hel", "lo")), strict=False))]

    async def opening(self):
        """A chunked 200 with the first content in it, as SSE or as half a JSON body."""
        await self.head()
        if self.stream:
            await self.chunk(*self.first_frames())
        else:
            await self.chunk(dumps(self.dialect.body())[:60])
