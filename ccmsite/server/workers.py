"""Several server processes on one socket: started, watched, started again when they die, ended together."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

log = logging.getLogger("ccmsite.server")

PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
HEALTHY_S = 60.0
"""A worker that lived this long has earned a quick restart."""
POLL_S = 0.2


@dataclass(slots=True)
class Worker:
    """One child, or the wait for the next one in its place."""

    child: subprocess.Popen[bytes]
    born: float
    pause_s: float = PAUSE_S
    due: float | None = None

    def buried(self, now: float) -> None:
        """The child has died: decide when the next one starts, later each time it dies young."""
        self.pause_s = PAUSE_S if now - self.born > HEALTHY_S else self.pause_s
        self.due = now + self.pause_s
        self.pause_s = min(self.pause_s * 2, LONGEST_PAUSE_S)


class Workers:
    """`count` children that each run `manage.py serve` on the inherited socket."""

    def __init__(self, manage: Path, listener: socket.socket, count: int, drain_s: float) -> None:
        self._command = [
            sys.executable, str(manage), "serve", "--fd", str(listener.fileno()), "--drain", str(drain_s),
        ]  # fmt: skip
        self._listener = listener
        self._count = count
        self._workers: list[Worker] = []
        self._ending = False

    def run(self) -> None:
        """Keep the children running until a signal comes, then wait for them to drain."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        self._workers = [Worker(self._spawn(), time.monotonic()) for _ in range(self._count)]
        while not self._ending:
            time.sleep(POLL_S)
            for worker in self._workers:
                self._look_after(worker)
        self._listener.close()  # else the kernel would go on accepting connections that nobody serves
        for worker in self._workers:
            if worker.child.poll() is None:
                worker.child.send_signal(signal.SIGTERM)
        for worker in self._workers:
            worker.child.wait()

    def _look_after(self, worker: Worker) -> None:
        now = time.monotonic()
        if self._ending or worker.child.poll() is None:
            return
        if worker.due is None:
            worker.buried(now)
            log.error("worker %d ended with status %s", worker.child.pid, worker.child.returncode)
        elif now >= worker.due:
            worker.child, worker.born, worker.due = self._spawn(), now, None
            log.warning("worker %d takes its place", worker.child.pid)

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, pass_fds=[self._listener.fileno()])  # noqa: S603 (our own command line)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True
