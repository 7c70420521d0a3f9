"""manage.py statusline: a line for Claude Code's status bar, and the settings that ask a running server for it."""

from __future__ import annotations

import json
import shlex
import sys
from typing import Any, TextIO
from urllib.parse import urlsplit

from django.core.management.base import CommandError, CommandParser

from proxy import statusline
from proxy.management.reporting import ReportingCommand

ADDRESS = "http://127.0.0.1:13456"


class Command(ReportingCommand):
    help = (
        "Prints who served a session's last request, what failed before, today's cost and what is cooling. Reads "
        "Claude Code's JSON from standard input. It takes a second to start: --settings-for shows a faster way."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--session", default="", help="the session's id, instead of JSON on standard input")
        parser.add_argument("--settings-for", metavar="URL", nargs="?", const=ADDRESS, dest="address",
                            help=f"print the lines for Claude Code's settings.json (default {ADDRESS})")  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        if options["address"]:
            lines = settings_for(_address(options["address"]))
            self.report([json.dumps(lines, indent=2)], lines, options["json"])
            return
        try:
            status = statusline.read(options["session"] or _session_on(sys.stdin))
        except ValueError as error:
            raise CommandError(f"no status: {error}") from error
        content = {
            "provider": status.provider, "actual_model": status.actual_model, "outcome": status.outcome,
            "failures": [list(failure) for failure in status.failures],
            "cost_today_usd": str(status.cost_today_usd), "cost_unknown": status.cost_unknown,
            "cooling": [list(row) for row in status.cooling],
        }  # fmt: skip
        self.report([statusline.told(status)], content, options["json"])


def _session_on(stream: TextIO) -> str:
    """The session that Claude Code names; none when a person sits there. Raises ValueError."""
    return "" if stream.isatty() else statusline.session_in(stream.read(statusline.MAX_INPUT).encode())


def _address(text: str) -> str:
    """Where a server is, without a slash at the end. Raises CommandError."""
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandError(f"{text!r} is no address: write it as {ADDRESS}")
    return text.rstrip("/")


def settings_for(address: str) -> dict[str, Any]:
    """What to put into Claude Code's settings: curl hands the JSON over and prints the answer, in milliseconds."""
    command = (
        'curl -sf -m 2 --data-binary @- -H "authorization: Bearer $ANTHROPIC_AUTH_TOKEN" '
        f"{shlex.quote(f'{address}/api/statusline')} || echo 'ccm: no answer'"
    )
    return {
        "env": {"ANTHROPIC_BASE_URL": address, "ANTHROPIC_AUTH_TOKEN": "ccm_..."},
        "statusLine": {"type": "command", "command": command},
    }
