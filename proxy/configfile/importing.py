"""The way in: text → values → findings or changes → rows, in one transaction."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from django.db import transaction

from proxy.configfile.apply import apply_changes
from proxy.configfile.findings import Finding
from proxy.configfile.parse import ParsedFile, parse
from proxy.configfile.plan import Change, check_addresses, check_models, check_references, diff, merge
from proxy.configfile.rows import load_state
from proxy.configfile.validation import check_values
from proxy.configfile.values import IMPORTED_KEY, ClientKeyValues, client_key_key
from proxy.models import ClientKey

MAX_BYTES = 1024 * 1024


class UnreadableFile(ValueError):
    """The file cannot be taken as a configuration file at all; the message says why."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import found and what it changed, or would change."""

    errors: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    changes: tuple[Change, ...]


def import_text(text: str, environ: Mapping[str, str], *, prune: bool = False, dry_run: bool = False) -> ImportResult:
    """Bring the database to what `text` says, or, when anything is wrong with it, change nothing.

    Variables are read from `environ` only: pass an empty one for text from people who may not read it.
    """
    with transaction.atomic():
        current = load_state()
        parsed = _without_known_key(parse(text, environ))
        final = merge(current, parsed, prune=prune)
        check_references(final, parsed, parsed.findings)
        check_addresses(current, final, parsed, parsed.findings)
        check_models(current, final, parsed, parsed.findings)
        check_values(parsed, final)
        if parsed.findings.errors:
            return ImportResult(parsed.findings.errors, parsed.findings.notes, ())
        changes = diff(current, final)
        if not dry_run:
            apply_changes(changes)
    return ImportResult((), parsed.findings.notes, changes)


def _without_known_key(parsed: ParsedFile) -> ParsedFile:
    """Leave out `server.api_key` when it is the key of another row already: one key, one name."""
    key = client_key_key(IMPORTED_KEY)
    value = parsed.values.get(key)
    if not isinstance(value, ClientKeyValues):
        return parsed
    owner = ClientKey.objects.filter(digest=value.digest).exclude(name=IMPORTED_KEY).first()
    if owner is None:
        return parsed
    parsed.findings.note(parsed.places[key], f"is the client key {owner.name!r} already", "api_key")
    return replace(parsed, values={other: kept for other, kept in parsed.values.items() if other != key})


def read_text(path: Path) -> str:
    """The text of a configuration file: a regular file of at most 1 MB, UTF-8. Raises UnreadableFile."""
    try:
        # Looked at before it is opened: opening a FIFO would wait for its other end.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFile(f"{path} is not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise UnreadableFile(f"{path} is larger than 1 MB, which no configuration file is")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{path} is not UTF-8 text (byte {error.start})") from error
