"""`manage.py stop`: end the running server gracefully and wait until it has."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ccmsite.server import pidfile

WAIT_S = 60.0


class Command(BaseCommand):
    help = "Stop the running server: it drains, and this command waits for it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="say it in JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        running = pidfile.read()
        if running is not None:
            stop(running)
        if options["json"]:
            self.stdout.write(json.dumps({"stopped": running is not None, "pid": running.pid if running else None}))
        else:
            self.stdout.write(f"stopped PID {running.pid}" if running else "not running")


def stop(running: pidfile.Running) -> None:
    """Ask the server to end and wait until it is gone. Raises CommandError when it does not go."""
    os.kill(running.pid, signal.SIGTERM)
    end = time.monotonic() + WAIT_S
    while running.alive:
        if time.monotonic() > end:
            raise CommandError(f"PID {running.pid} has not ended after {WAIT_S:g} s")
        time.sleep(0.05)
    pidfile.remove(running.pid)
