"""manage.py rotatekeys: seal every secret anew with the first of CCM_FIELD_KEYS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db.models import Model

from providers import vault
from providers.models import Credential, OAuthClient, OAuthToken
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
        for kept in _everything_sealed():
            try:
                counts[_rotate(kept, first, options["dry_run"])] += 1
            except VaultError as error:
                unreadable.append(f"{kept.told}: {error}")
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


@dataclass(frozen=True, slots=True)
class Kept:
    """One sealed text: its row and field, what it is bound to, and what people call it."""

    row: Model
    field: str
    place: str
    told: str

    @property
    def sealed(self) -> str:
        """The text as it is stored."""
        return str(getattr(self.row, self.field))


def _everything_sealed() -> Iterator[Kept]:
    for row in Credential.objects.select_related("provider").exclude(sealed="").order_by("pk"):
        yield Kept(row, "sealed", row.place, f"{row.provider.name}, {row.label}")
    for token in OAuthToken.objects.select_related("credential__provider").order_by("pk"):
        told = f"{token.credential.provider.name}, {token.credential.label}"
        for field in ("access", "refresh"):
            if getattr(token, field):
                yield Kept(token, field, token.place(field), told)
    for client in OAuthClient.objects.exclude(sealed="").order_by("pk"):
        yield Kept(client, "sealed", client.place, f"OAuth client, {client.flow}")


def _rotate(kept: Kept, first: Fernet, dry_run: bool) -> str:
    try:
        first.decrypt(kept.sealed.encode())
        return "already"
    except InvalidToken:
        sealed = vault.seal(vault.unseal(kept.sealed, kept.place), kept.place)
    if dry_run:
        return "resealed"
    # The secret stays the same, so there is nothing for the row's history or for running proxies to notice;
    # a secret that was entered or renewed in the meantime is newer than ours and stays.
    rows = type(kept.row)._default_manager.filter(pk=kept.row.pk, **{kept.field: kept.sealed})
    return "resealed" if rows.update(**{kept.field: sealed}) else "changed_meanwhile"
