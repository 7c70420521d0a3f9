"""The real ASGI application on a real socket (uvicorn in a thread), with a configuration made by hand.

The log goes to a list, so that these tests need no database. Every streamed answer to
`/v1/messages` is checked against the legal order as it leaves the application: a test whose
streams break it fails at its end, whatever it looked at itself.
"""

import asyncio
import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field, replace

import uvicorn

from providers import client
from providers.wire.grammar import Grammar, GrammarError
from providers.wire.messages import MessagesEvent
from providers.wire.sse import SseDecoder
from proxy import budget, health, logbook, pace, selection, snapshot
from proxy.config import ConfigSnapshot, ModelConfig, ProviderConfig, RouterConfig


def in_order(targets):
    """Targets without a priority of their own are tried in the order given."""
    return tuple(t if t.priority else replace(t, priority=place) for place, t in enumerate(targets, start=1))


def config_of(models, *, default="", keys=None, **fields):
    """A snapshot from {logical name: [targets]}."""
    found = {name: ModelConfig(name, in_order(targets), created=1_700_000_000) for name, targets in models.items()}
    providers = {}
    for model in found.values():
        for target in model.targets:
            providers.setdefault(target.provider, ProviderConfig(target.provider, target))
    keyed = [t for m in found.values() for target in m.targets for t in target.with_each_key()]
    secrets = tuple({t.secret.reveal() for t in keyed if t.secret})
    return ConfigSnapshot(
        models=found, models_folded={n.casefold(): m for n, m in found.items()}, providers=providers,
        router=fields.pop("router", RouterConfig(default=default)), keys=keys or {}, secrets=secrets, **fields,
    )  # fmt: skip


@dataclass
class Live:
    """A running proxy: its address and the records it has handed to the log."""

    url: str
    port: int
    records: list = field(default_factory=list)
    illegal: list = field(default_factory=list)
    """What was wrong with the streams that went out."""

    def configure(self, config):
        snapshot._current = config

    def wait_for(self, condition, timeout=30.0):
        """Wait until something holds, or for so many seconds."""
        end = time.monotonic() + timeout
        while not condition() and time.monotonic() < end:
            time.sleep(0.01)

    def record(self, number=1, timeout=30.0):
        """Wait until that many records exist, then return the newest."""
        self.wait_for(lambda: len(self.records) >= number, timeout)
        assert len(self.records) == number, self.records
        return self.records[-1]


def events_of(stream):
    """The events of a whole stream, checked. Raises GrammarError."""
    decoder, grammar, found = SseDecoder(), Grammar(), []
    for sse in [*decoder.feed(stream), *decoder.finish()]:
        event = MessagesEvent(sse.name, sse.data, sse.frame)
        grammar.feed(event)
        found.append(event)
    grammar.finish()
    return found


def checked(application, illegal):
    """The application, the streams of its Messages answers judged when they have ended."""

    async def judged(scope, receive, send):
        body, streamed, ended = [], False, False

        async def seen(message):
            nonlocal streamed, ended
            if message["type"] == "http.response.start":
                streamed = any(b"event-stream" in value for _, value in message["headers"])
            elif streamed:
                body.append(message.get("body", b""))
                ended = not message.get("more_body", False)
            await send(message)

        await application(scope, receive, seen)
        if ended and scope["path"] == "/v1/messages":
            try:
                events_of(b"".join(body))
            except GrammarError as error:
                illegal.append(str(error))

    return judged


@contextlib.contextmanager
def running(application):
    """Serve `application` on a free loopback port until the block is left. Raises AssertionError for illegal streams.

    A stream whose client left before its end is not judged.
    """
    illegal = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does not know that this is TCP
    port = listener.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(checked(application, illegal), log_level="warning", lifespan="off", ws="none")
    )

    async def serve():
        await server.serve(sockets=[listener])
        await client.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    live = Live(f"http://127.0.0.1:{port}", port, illegal=illegal)
    original = logbook.LOGBOOK.put_nowait, logbook.LOGBOOK.begin
    logbook.LOGBOOK.put_nowait, logbook.LOGBOOK.begin = live.records.append, lambda record: None
    try:
        end = time.monotonic() + 10
        while not server.started and time.monotonic() < end:
            time.sleep(0.01)
        yield live
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        logbook.LOGBOOK.put_nowait, logbook.LOGBOOK.begin = original
        snapshot._current = None
        health.BOARD.clear()
        budget.BUDGET.clear()
        selection.SELECTOR.forget()
        pace.PACE.clear()
    assert not illegal, illegal
