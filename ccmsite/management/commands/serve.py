"""`manage.py serve`: the proxy on daphne, with backpressure, early refusals and a graceful end."""

from __future__ import annotations

import argparse
import gc
import math
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ccmsite.server import pidfile
from proxy.management.address import Address, parse_address

START_WAIT_S = 30.0
GC_ALLOCATIONS = 5_000
"""Objects made, and not freed, between two rounds of the garbage collector; Python's own 700 are a few requests."""


class Command(BaseCommand):
    help = "Serve the proxy and the admin on one address until SIGTERM, then drain."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", nargs="?", default="127.0.0.1:13456", help="ADDR:PORT (default: %(default)s)")
        parser.add_argument("--workers", type=int, default=1, help="processes that share the socket")
        parser.add_argument("--detach", action="store_true", help="return once the server answers")
        parser.add_argument("--drain", type=float, default=30.0, help="seconds running requests get at the end")
        parser.add_argument("--fd", type=int, default=None, help=argparse.SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        os.umask(0o077)
        if options["fd"] is not None:
            self._serve(socket.socket(fileno=options["fd"]), options["drain"], parent_pid=os.getppid())
            return
        if options["workers"] < 1:
            raise CommandError("--workers must be at least 1")
        if not (math.isfinite(options["drain"]) and options["drain"] >= 0):
            raise CommandError("--drain must be a number of seconds, 0 or more")
        try:
            address = parse_address(options["address"])
        except ValueError as error:
            raise CommandError(str(error)) from error
        if (running := pidfile.read()) is not None:
            raise CommandError(f"already running on {running.address} (PID {running.pid}); use restart or stop")
        if options["detach"]:
            self._detach(address, options)
        else:
            self._run(address, options["workers"], options["drain"])

    def _run(self, address: Address, workers: int, drain: float) -> None:
        from ccmsite.server.app import listen
        from ccmsite.server.workers import Workers

        try:
            listener = listen(address.host, address.port)
        except OSError as error:
            raise CommandError(f"cannot listen on {address}: {error.strerror}; is another program there?") from error
        host, port = listener.getsockname()[:2]
        try:
            pidfile.write(pidfile.Running(os.getpid(), str(Address(host, port)), workers, drain))
        except pidfile.AlreadyRunning as error:
            raise CommandError("another server started at the same time; see status") from error
        except OSError as error:
            raise _no_run_dir(error) from error
        self.stdout.write(f"CCM on http://{Address(host, port)}/ (admin: /admin/), PID {os.getpid()}")
        self.stdout.flush()
        try:
            if workers > 1:
                if not settings.REDIS_URL:
                    self.stderr.write("warning: several workers without REDIS_URL share no live state")
                Workers(Path(settings.BASE_DIR) / "manage.py", listener, workers, drain).run()
            else:
                self._serve(listener, drain)
        finally:
            pidfile.remove()

    def _serve(self, listener: socket.socket, drain: float, parent_pid: int | None = None) -> None:
        from ccmsite.asgi import application
        from ccmsite.server.app import run
        from providers import client
        from proxy import engine, logbook, snapshot
        from proxy.auth import gate

        snapshot.start()
        logbook.LOGBOOK.start()
        settle_memory()
        run(
            lambda: application, listener, max_body_bytes=settings.CCM_MAX_BODY_BYTES, gate=gate, drain_s=drain,
            farewell=engine.end_all, on_exit=logbook.close, close=client.close, parent_pid=parent_pid,
        )  # fmt: skip

    def _detach(self, address: Address, options: dict[str, Any]) -> None:
        log_path = Path(settings.CCM_RUN_DIR) / "ccm.log"
        command = [
            sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "serve", str(address),
            "--workers", str(options["workers"]), "--drain", str(options["drain"]),
        ]  # fmt: skip
        try:
            log_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            log = log_path.open("ab")
        except OSError as error:
            raise _no_run_dir(error) from error
        with log:
            child = subprocess.Popen(  # noqa: S603 (our own command line)
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + START_WAIT_S
        while time.monotonic() < end and child.poll() is None:
            running = pidfile.read()
            if running is not None and healthy(running.address):
                self.stdout.write(f"CCM on http://{running.address}/, PID {running.pid}, log {log_path}")
                return
            time.sleep(0.1)
        child.terminate()  # what is said to have failed must not go on in the background
        raise CommandError(f"the server did not start; {log_path} says why")


def _no_run_dir(error: OSError) -> CommandError:
    place = f"CCM_RUN_DIR ({settings.CCM_RUN_DIR})"
    return CommandError(f"nothing can be written to {place}: {error.strerror}; name a directory that can be written")


def settle_memory() -> None:
    """Take what was loaded so far out of the collector's rounds: it stays, and walking over it stalls every stream."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 10, 10)


def healthy(address: str) -> bool:
    """Whether the server at that address answers its health check."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never by way of http_proxy
    try:
        with direct.open(f"http://{address}/healthz", timeout=3) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False
