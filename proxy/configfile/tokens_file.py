"""Claude Code Mux's `oauth_tokens.json`: the tokens of its accounts, brought in sealed.

An object keyed by the account's name, which is a provider's `oauth_provider`; each value has `access_token`,
`refresh_token`, `expires_at` (RFC 3339) and, for Google, `project_id`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from providers.models import Credential
from providers.oauth.flows import FLOWS
from providers.oauth.sign_in import store
from providers.oauth.tokens import MAX_LIFETIME_S, Tokens
from providers.targets import Secret
from proxy.configfile.importing import UnreadableFile


@dataclass(frozen=True, slots=True)
class Entry:
    """One account's tokens in the file."""

    name: str
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one account. `provider` is empty when nobody signs in with it here."""

    name: str
    provider: str = ""
    note: str = ""

    def __str__(self) -> str:
        if not self.provider:
            return f"- tokens {self.name}: {self.note}"
        return f"+ tokens {self.name}: {self.provider} is signed in{f' ({self.note})' if self.note else ''}"


def read_tokens(text: str, now: datetime) -> tuple[Entry, ...]:
    """The accounts in the file's text. Raises UnreadableFile, whose words hold no token."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableFile("the tokens' file is not JSON") from None
    if not isinstance(content, dict):
        raise UnreadableFile("the tokens' file must be an object of accounts, as Claude Code Mux writes it")
    return tuple(_entry(name, value, now) for name, value in content.items())


def import_tokens(entries: Iterable[Entry], *, dry_run: bool = False) -> tuple[Imported, ...]:
    """Sign in the accounts that have the entries' names; of several with one name the first. Raises VaultError."""
    with transaction.atomic():
        return tuple(_import(entry, dry_run) for entry in entries)


def _import(entry: Entry, dry_run: bool) -> Imported:
    accounts = Credential.objects.filter(kind=Credential.OAUTH).select_related("provider", "oauth").order_by("pk")
    found = [row for row in accounts if row.label == entry.name]
    found = found or [row for row in accounts if row.provider.name == entry.name]
    if not found:
        return Imported(entry.name, note="no provider here signs in with it")
    first = found[0]
    flow = FLOWS.get(first.oauth.flow) if hasattr(first, "oauth") else None
    if flow is None:
        return Imported(entry.name, note=f"there is no way to sign in to {first.provider.name} any more")
    if not dry_run:
        store(first.provider, flow, entry.tokens, first)
    others = ", ".join(row.provider.name for row in found[1:])
    return Imported(entry.name, first.provider.name, f"sign in to {others} separately" if others else "")


def _entry(name: str, value: Any, now: datetime) -> Entry:
    fields = value if isinstance(value, dict) else {}
    access, refresh = fields.get("access_token"), fields.get("refresh_token")
    if not (isinstance(access, str) and access and isinstance(refresh, str) and refresh):
        raise UnreadableFile(f"the tokens' file has no access_token and refresh_token for {name!r}")
    project = fields.get("project_id")
    left = (_moment(name, fields.get("expires_at")) - now).total_seconds()
    lifetime = min(max(left, 0.0), MAX_LIFETIME_S)
    project = project if isinstance(project, str) and len(project) <= 200 and project.isprintable() else ""
    return Entry(name, Tokens(Secret(access), Secret(refresh), lifetime, project=project))


def _moment(name: str, text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise UnreadableFile(f"expires_at of {name!r} in the tokens' file is no time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
