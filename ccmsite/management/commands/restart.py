"""`manage.py restart`: stop the running server, then start it again where it was."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from ccmsite.management.commands.stop import stop
from ccmsite.server import pidfile


class Command(BaseCommand):
    help = "Restart the server in the background, on the address and with the workers it had."

    def handle(self, *args: Any, **options: Any) -> None:
        running = pidfile.read()
        if running is not None:
            stop(running)
        address = running.address if running else "127.0.0.1:13456"
        kept = {"workers": running.workers, "drain": running.drain_s} if running else {}
        call_command("serve", address, detach=True, stdout=self.stdout, stderr=self.stderr, **kept)
