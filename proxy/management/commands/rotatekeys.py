"""manage.py rotatekeys: seal every secret anew with the first of CCM_FIELD_KEYS."""

from __future__ import annotations

from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from providers import vault
from providers.models import Credential
from providers.vault import VaultError
from proxy.management.reporting import ReportingCommand


class Command(ReportingCommand):
    help = (
        "Seals every stored secret with the first key of CCM_FIELD_KEYS; afterwards the other keys can be removed. "
        "Can be stopped and run again: what is done already is skipped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="count, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        counts = {"resealed": 0, "already": 0, "changed_meanwhile": 0}
        unreadable: list[str] = []
        try:
            first = _first_key()
        except VaultError as error:
            raise CommandError(str(error)) from error
        for row in Credential.objects.select_related("provider").order_by("pk"):
            try:
                counts[_rotate(row, first, options["dry_run"])] += 1
            except VaultError as error:
                unreadable.append(f"{row.provider.name}, {row.label}: {error}")
        verb = "to seal anew" if options["dry_run"] else "sealed anew"
        lines = [
            f"{counts['resealed']} {verb}, {counts['already']} sealed with the first key already,"
            f" {len(unreadable)} unreadable",
            *unreadable,
        ]
        content = {**counts, "unreadable": unreadable, "dry_run": options["dry_run"]}
        self.report(lines, content, options["json"])
        if unreadable:
            raise CommandError("some secrets cannot be unsealed: keep the old keys, or enter these secrets again")


def _first_key() -> Fernet:
    keys: list[str] = settings.CCM_FIELD_KEYS
    # Sealing says in good words what is wrong with the keys, if anything is.
    vault.seal("", "probe")
    return Fernet(keys[0])


def _rotate(row: Credential, first: Fernet, dry_run: bool) -> str:
    try:
        first.decrypt(row.sealed.encode())
        return "already"
    except InvalidToken:
        sealed = vault.seal(row.reveal(), row.place)
    if dry_run:
        return "resealed"
    # The secret stays the same, so there is nothing for the row's history or for running proxies to notice;
    # a secret that was entered in the meantime is newer than ours and stays.
    updated = Credential.objects.filter(pk=row.pk, sealed=row.sealed).update(sealed=sealed)
    return "resealed" if updated else "changed_meanwhile"
