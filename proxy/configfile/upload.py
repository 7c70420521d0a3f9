"""What comes in over the web: one file or a pasted text, planned, shown, and applied while the plan is the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Protocol

from django.utils.crypto import constant_time_compare, salted_hmac

from proxy.configfile.importing import MAX_BYTES, ImportResult, UnreadableFile, decoded, import_text
from proxy.configfile.parse import Syntax
from proxy.configfile.plan import Change

VIEW = (
    "providers.view_provider", "proxy.view_logicalmodel", "proxy.view_routersettings", "proxy.view_routingrule",
)  # fmt: skip
"""What somebody must be allowed to see the configuration as a whole."""
CHANGE = (
    *(f"providers.{verb}_{noun}" for noun in ("provider", "credential") for verb in ("add", "change", "delete")),
    *(
        f"proxy.{verb}_{noun}"
        for noun in ("logicalmodel", "modelmapping", "routingrule")
        for verb in ("add", "change", "delete")
    ),
    "proxy.change_routersettings", "proxy.add_clientkey", "proxy.change_clientkey",
)  # fmt: skip
"""What somebody must be allowed to import: all that a file may do."""


class Uploaded(Protocol):
    """A file as Django hands it over."""

    def read(self, size: int, /) -> bytes:
        """At most so many of its bytes."""


def text_of(files: Sequence[Uploaded], pasted: str) -> str:
    """The text of the one file, or what was pasted. Its name is never looked at. Raises UnreadableFile."""
    if len(files) > 1:
        raise UnreadableFile("one file at a time, please")
    if files:
        # One byte more than allowed is enough to know.
        return decoded(files[0].read(MAX_BYTES + 1), "the file")
    if not pasted.strip():
        raise UnreadableFile("there is nothing to import: choose a file or paste its text")
    return decoded(pasted.encode("utf-8", "replace"), "the text")


def plan(text: str, *, prune: bool, syntax: Syntax = "toml") -> ImportResult:
    """What an upload would change. No variable of the environment is read. Raises VaultError."""
    return import_text(text, None, prune=prune, dry_run=True, syntax=syntax)


def apply(text: str, seal: str, *, prune: bool) -> ImportResult:
    """Import an upload if what it changes is still what `seal` was made of; else the result is not `applied`."""
    return import_text(
        text, None, prune=prune, confirm=lambda changes: constant_time_compare(sealed(changes), seal)
    )  # fmt: skip


def sealed(changes: tuple[Change, ...]) -> str:
    """A mark that tells these changes from all others, and nothing about the secrets in them."""
    content = [
        (change.key, *(None if value is None else asdict(value) for value in (change.before, change.after)))
        for change in changes
    ]
    return salted_hmac("proxy.configfile.upload", repr(content), algorithm="sha256").hexdigest()
