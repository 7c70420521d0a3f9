"""manage.py refreshtokens: renew the tokens of signed-in accounts that are due, for cron."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection

from providers.models import OAuthToken
from providers.oauth.held import Memory
from providers.oauth.renewal import RenewalFailed, renew
from providers.vault import VaultError
from proxy.management.reporting import ReportingCommand

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one account. `outcome`: renewed, due (dry run), not due, needs sign-in, or failed."""

    provider: str
    account: str
    outcome: str
    message: str = ""

    def __str__(self) -> str:
        told = f": {self.message}" if self.message else ""
        return f"{self.provider}, {self.account}: {self.outcome}{told}"


class Command(ReportingCommand):
    help = (
        "Renews the tokens of accounts that are due, which the server also does by itself; "
        "for cron, where no server is running. Fails when one cannot be renewed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what is due, call nobody")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = OAuthToken.objects.select_related("credential__provider").order_by("pk")
        wanted = [row for row in rows if row.credential.enabled and row.credential.provider.enabled and row.access]
        memory = Memory()
        results = [_looked_at(row, memory) for row in wanted]
        due = [at for at, result in enumerate(results) if result.outcome == "due"]
        if due and not options["dry_run"]:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for at, result in zip(due, pool.map(lambda at: _renewed(wanted[at], memory), due), strict=True):
                    results[at] = result
        failed = [result for result in results if result.outcome in ("failed", "needs sign-in")]
        content = {"ok": not failed, "dry_run": options["dry_run"], "accounts": [asdict(result) for result in results]}
        self.report([str(result) for result in results] or ["no account is signed in"], content, options["json"])
        if failed:
            raise CommandError(f"{len(failed)} of {len(results)} accounts could not be renewed")


def _looked_at(row: OAuthToken, memory: Memory) -> Result:
    try:
        memory.adopt(row)
    except VaultError as error:
        return _result(row, "failed", str(error))
    if row.state != OAuthToken.ACTIVE:
        return _result(row, "needs sign-in", row.last_error)
    return _result(row, "due" if any(held.pk == row.pk for held in memory.due()) else "not due")


def _renewed(row: OAuthToken, memory: Memory) -> Result:
    try:
        renew(row.pk, row.version, memory=memory)
    except RenewalFailed as error:
        return _result(row, "needs sign-in" if error.dead else "failed", error.words)
    finally:
        connection.close()
    return _result(row, "renewed")


def _result(row: OAuthToken, outcome: str, message: str = "") -> Result:
    return Result(row.credential.provider.name, row.credential.label, outcome, message)
