"""Several server processes on one socket: started, watched, started again when they die, ended together."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

log = logging.getLogger("ccmsite.server")

RESTART_PAUSE_S = 1.0
POLL_S = 0.2


class Workers:
    """`count` children that each run `manage.py serve` on the inherited socket."""

    def __init__(self, manage: Path, listener: socket.socket, count: int, drain_s: float) -> None:
        self._command = [
            sys.executable, str(manage), "serve", "--fd", str(listener.fileno()), "--drain", str(drain_s),
        ]  # fmt: skip
        self._fd = listener.fileno()
        self._count = count
        self._children: list[subprocess.Popen[bytes]] = []
        self._ending = False

    def run(self) -> None:
        """Keep the children running until a signal comes, then wait for them to drain."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        self._children = [self._spawn() for _ in range(self._count)]
        while not self._ending:
            time.sleep(POLL_S)
            for index, child in enumerate(self._children):
                if child.poll() is not None and not self._ending:
                    log.error("worker %d ended with status %s and is started again", child.pid, child.returncode)
                    time.sleep(RESTART_PAUSE_S)
                    self._children[index] = self._spawn()
        for child in self._children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in self._children:
            child.wait()

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, pass_fds=[self._fd])  # noqa: S603 (our own command line)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True
