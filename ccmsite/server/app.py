"""The server process: listens on a socket it is given, drains when told to end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from daphne import server as daphne_server
from twisted.internet import reactor
from twisted.internet.main import CONNECTION_DONE

from ccmsite.server.channel import Factory, Pace
from ccmsite.server.inbox import Inbox
from ccmsite.server.request import Gate, Request
from ccmsite.server.watchdog import Watchdog
from ccmsite.server.websocket import WebSocket

log = logging.getLogger("ccmsite.server")

BACKLOG = 2048
SEND_BUFFER = 64 * 1024
"""Bytes that the kernel holds for a client; left alone it takes up to 4 MB for one that never reads."""
STALL_S = 120.0
"""Seconds without progress after which a client that does not read is cut."""
DRAIN_S = 30.0
HAND_OVER_S = 0.1
"""Seconds after the door has closed in which a request that was on its way is still taken."""
FAREWELL_S = 3.0
"""Seconds that a request gets to clean up once it was told that its client is gone."""
LOOKS_PER_WINDOW = 10
PARENT_POLL_S = 1.0
GOING_AWAY = 1001
"""A WebSocket's word for a server that ends: the page may come again at once."""
THREADS = 16
"""For name look-ups and the snapshot; one dead provider's look-ups must not hold up the others'."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket with room for a burst. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # each connection inherits it
    return listener


class Server(daphne_server.Server):
    """daphne on one socket, with a gate, a body cap, a brake and a drain."""

    def __init__(
        self, application: Any, listener: socket.socket, *, max_body_bytes: int, gate: Gate | None = None,
        drain_s: float = DRAIN_S, stall_s: float = STALL_S, pace: Pace | None = None,
        farewell: Callable[[], None] = lambda: None, on_exit: Callable[[], None] = lambda: None,
        close: Callable[[], Awaitable[None]] | None = None,
        ready: Callable[[], None] = lambda: None,
        parent_pid: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            application, endpoints=["tcp:0"], signal_handlers=False, server_name="", verbosity=1,
            request_buffer_size=max_body_bytes + 1, ready_callable=self._open,
        )  # fmt: skip
        self.endpoints: list[str] = []  # we bring our own socket
        self.max_body_bytes = max_body_bytes
        self.gate = gate
        self._listener = listener
        self._drain_s = drain_s
        self._stall_s = stall_s
        self._pace = pace or Pace()
        self._farewell = farewell
        self._on_exit = on_exit
        self._close = close
        self._ready = ready
        self._parent_pid = parent_pid
        self._port: Any = None
        self._drainer: asyncio.Future[None] | None = None
        self.draining = False
        """True once new requests are sent away."""

    def _open(self) -> None:
        self.http_factory = Factory(self)
        self.ws_factory.protocol = WebSocket
        family = self._listener.family
        self._listener.setblocking(False)
        self._port = reactor.adoptStreamPort(self._listener.fileno(), family, self.http_factory)
        loop = asyncio.get_event_loop()
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="work"))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.drain)
        Watchdog(loop).start()
        reactor.callWhenRunning(self._ready)
        reactor.callWhenRunning(self._look_at_arrivals)
        if self._parent_pid is not None:
            reactor.callWhenRunning(self._watch_parent)

    def _look_at_arrivals(self) -> None:
        loop = asyncio.get_event_loop()
        loop.call_later(self._pace.window_s / LOOKS_PER_WINDOW, self._look_at_arrivals)
        for channel in list(self.http_factory.channels):
            channel.look(loop.time(), self._pace)

    def _watch_parent(self) -> None:
        # A worker whose supervisor was killed would hold the port for ever, unknown to `status` and `stop`.
        if os.getppid() != self._parent_pid:
            log.error("the supervisor is gone: this worker drains")
            self.drain()
        else:
            asyncio.get_event_loop().call_later(PARENT_POLL_S, self._watch_parent)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application; when it ends before its answer does, so does the connection."""
        if not isinstance(protocol, Request):
            return super().create_application(protocol, scope)
        if protocol not in self.connections:
            return None
        inbox = Inbox()
        scope["asgi"] = {"version": "3.0"}
        running = self.application(scope=scope, receive=inbox.get, send=partial(self.handle_reply, protocol))
        task = asyncio.ensure_future(running)
        task.add_done_callback(partial(self._application_ended, protocol))
        self.connections[protocol]["application_instance"] = task
        return inbox

    def _application_ended(self, protocol: Request, task: asyncio.Future[None]) -> None:
        # daphne looks once a second, and never at an application that returns too early.
        if not task.cancelled() and not protocol.answered:
            protocol.handle_exception(task.exception() or RuntimeError("the application gave no complete answer"))

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Hand a message to its connection, then wait until the client has kept up."""
        await super().handle_reply(protocol, message)
        if isinstance(protocol, Request):
            await protocol.client_caught_up(self._stall_s)

    def drain(self) -> None:
        """Stop listening, let running requests end, tell the rest that it is over, then exit."""
        if self._drainer is None:
            log.info("draining: %d requests are running", len(self._running()))
            self._drainer = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        self._listener.close()
        if self._port is not None:
            self._close_the_door()
        try:
            await asyncio.sleep(HAND_OVER_S)
            self.draining = True
            for channel in list(self.http_factory.channels):
                channel.drain()
            for protocol in self._running():
                if not isinstance(protocol, Request):
                    _say_goodbye(protocol)  # a page that is only watched would hold up the end
            await self._wait_for_requests(self._drain_s)
            self._farewell()
            await self._wait_for_requests(FAREWELL_S)
            for protocol in self._running():
                _say_goodbye(protocol)
            await self._wait_for_requests(FAREWELL_S)
            if self._close is not None:
                await self._close()
            await asyncio.to_thread(self._on_exit)
        finally:
            self.stop()

    def _close_the_door(self) -> None:
        # Who is connected but not accepted yet would be reset by the kernel: a balancer behind which another
        # server waits has no way to tell that nothing has happened. So they are let in, and nothing comes between.
        before = -1
        while self._port.sessionno != before:
            before = self._port.sessionno
            self._port.doRead()
        self._port.connectionLost(CONNECTION_DONE)

    async def _wait_for_requests(self, seconds: float) -> None:
        end = asyncio.get_running_loop().time() + seconds
        while self._busy() and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 (daphne tells nobody)
            await asyncio.sleep(0.05)

    def _busy(self) -> bool:
        # An application can be done long before its client has read the answer.
        return bool(self._running()) or any(channel.busy for channel in list(self.http_factory.channels))

    def _running(self) -> list[Any]:
        return [
            protocol
            for protocol, details in self.connections.items()
            if "application_instance" in details and not details["application_instance"].done()
        ]

    def kill_all_applications(self) -> Any:
        """Cancel what is left; daphne's own version trips over connections that have no application."""
        return None if not self._running() else self._kill()

    def _kill(self) -> Any:
        tasks = [self.connections[protocol]["application_instance"] for protocol in self._running()]
        for task in tasks:
            task.cancel()
        return daphne_server.defer.Deferred.fromFuture(asyncio.ensure_future(asyncio.wait(tasks, timeout=FAREWELL_S)))

    def log_action(self, protocol: str, action: str, details: dict[str, Any]) -> None:
        """No access log: it would hold query strings, and the request history says more."""


def _say_goodbye(protocol: Any) -> None:
    queue = getattr(protocol, "application_queue", None)
    if queue is not None and isinstance(protocol, Request):
        queue.put_nowait({"type": "http.disconnect"})
    elif queue is not None:
        if protocol.state == protocol.STATE_OPEN:
            protocol.sendCloseFrame(code=GOING_AWAY)
        queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})


def run(build: Callable[[], Any], listener: socket.socket, **options: Any) -> None:
    """Serve the application that `build` makes until a signal ends the process."""
    Server(build(), listener, **options).run()
