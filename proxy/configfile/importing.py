"""The way in: text → values → findings or changes → rows, in one transaction."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from django.db import transaction

from proxy.configfile.apply import apply_changes
from proxy.configfile.findings import Finding, Place
from proxy.configfile.parse import ParsedFile, Syntax, parse
from proxy.configfile.plan import Change, check_addresses, check_models, check_references, diff, merge
from proxy.configfile.rows import load_state
from proxy.configfile.validation import check_values
from proxy.configfile.values import IMPORTED_KEY, ClientKeyValues, client_key_key
from proxy.configfile.withheld import settle
from proxy.models import ClientKey

MAX_BYTES = 1024 * 1024
MAX_PARTS = 3_000
"""Providers, models and the like that one file may have; checking more would keep the log writer waiting."""


class UnreadableFile(ValueError):
    """The file cannot be taken as a configuration file at all; the message says why."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import found and what it changed, or would change."""

    errors: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    changes: tuple[Change, ...]
    unchanged: int = 0
    """Parts of the file that are in the database as they are written."""
    absent: tuple[Change, ...] = ()
    """What the file does not have: `prune` would delete it."""
    applied: bool = False


def import_text(
    text: str, environ: Mapping[str, str] | None, *, prune: bool = False, dry_run: bool = False,
    syntax: Syntax = "toml", confirm: Callable[[tuple[Change, ...]], bool] | None = None,
) -> ImportResult:  # fmt: skip
    """Bring the database to what `text` says, or, when anything is wrong with it, change nothing.

    Variables are read from `environ` only: pass None for text from people who may not read it. `confirm` is asked
    within the transaction whether these are the changes that are meant; if not, nothing is written.
    """
    parsed = parse(text, environ, syntax)
    if len(parsed.values) > MAX_PARTS:
        parsed.findings.error(Place((), ""), f"the file has more than {MAX_PARTS} parts; import it in pieces")
        return ImportResult(parsed.findings.errors, parsed.findings.notes, ())
    with transaction.atomic():
        current = load_state()
        parsed = settle(current, _without_known_key(parsed))
        final = merge(current, parsed, prune=prune)
        check_references(final, parsed, parsed.findings)
        check_addresses(current, final, parsed, parsed.findings)
        check_models(current, final, parsed, parsed.findings)
        check_values(parsed, final)
        if parsed.findings.errors:
            return ImportResult(parsed.findings.errors, parsed.findings.notes, ())
        changes = diff(current, final)
        pruned = final if prune else merge(current, parsed, prune=True)
        absent = tuple(Change(key, value, None) for key, value in current.items() if key not in pruned)
        same = sum(key in parsed.values and current.get(key) == value for key, value in final.items())
        apply = not dry_run and (confirm is None or confirm(changes))
        if apply:
            apply_changes(changes)
    return ImportResult((), parsed.findings.notes, changes, same, absent, apply)


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
    return decoded(content, str(path))


def decoded(content: bytes, name: str) -> str:
    """The text of a configuration file's bytes: at most 1 MB, UTF-8. Raises UnreadableFile, which says `name`."""
    if len(content) > MAX_BYTES:
        raise UnreadableFile(f"{name} is larger than 1 MB, which no configuration file is")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{name} is not UTF-8 text (byte {error.start})") from error
