"""`manage.py stop`: end the running server gracefully and wait until it has."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ccmsite.server import pidfile

GRACE_S = 30.0
"""How much longer than its drain a server may take to end."""


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
    wait_s = running.drain_s + GRACE_S
    try:
        # Opened first: the server takes the file away a moment before its end.
        with pidfile.path().open(encoding="utf-8") as file:
            os.kill(running.pid, signal.SIGTERM)
            gone = pidfile.wait_until_gone(file, wait_s)
    except (FileNotFoundError, ProcessLookupError):
        return
    except PermissionError as error:
        raise CommandError(f"PID {running.pid} belongs to another user; stop it as that user") from error
    if not gone:
        raise CommandError(f"PID {running.pid} has not ended after {wait_s:g} s")
