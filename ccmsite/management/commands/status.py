"""`manage.py status`: is the server running, where, and does it answer? Exit code 3 when it is not running."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ccmsite.management.commands.serve import healthy
from ccmsite.server import pidfile

NOT_RUNNING = 3


class Command(BaseCommand):
    help = "Show the address, PID and health of the running server; exit code 3 when none runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="say it in JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        running = pidfile.read()
        health = healthy(running.address) if running else False
        if options["json"]:
            told: dict[str, Any] = {"running": running is not None, "healthy": health}
            if running:
                told |= {"pid": running.pid, "address": running.address, "workers": running.workers}
            self.stdout.write(json.dumps(told))
        elif running:
            word = "healthy" if health else "not answering"
            self.stdout.write(f"running on {running.address}, PID {running.pid}, {running.workers} worker(s), {word}")
        else:
            self.stdout.write("not running")
        if running is None:
            sys.exit(NOT_RUNNING)
