"""An OpenAI client's own words made fit for the upstream of its format that they go to next.

Reasoning that passed natively bears no mark of ours: what another vendor made is taken out of the
conversation, every other byte stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from providers.wire.messages import Source
from providers.wire.rewrite import change_items, type_of
from providers.wire.signatures import bare_blobs
from providers.wire.spans import dumps, join_object, loads, replace_member, scan_object

Foreign = Callable[[str], bool]
"""True for a blob that the target did not make."""

_TURNS = {"openai_chat": "messages", "openai_responses": "input"}
_SEALED = (b'"reasoning"', b'"compaction"')
"""Items of Responses that hold what their maker alone can read."""


def without_foreign(source: Source, foreign: Foreign) -> tuple[Source, tuple[str, ...]]:
    """The client's request without other vendors' reasoning, and in a few words what was taken out."""
    key = _TURNS.get(source.wire_format, "")
    turns = source.members.get(key, b"")
    editor = _Editor(foreign)
    if source.wire_format == "openai_responses" and b'"encrypted_content"' in turns:
        changed = change_items(turns, editor.item)
    elif source.wire_format == "openai_chat" and b'"reasoning_details"' in turns:
        changed = change_items(turns, editor.message)
    else:
        return source, ()
    if changed == turns:
        return source, ()
    body = replace_member(source.body, key, changed)
    return replace(source, body=body, members={**source.members, key: changed}), tuple(editor.notes)


class _Editor:
    """Takes things out and remembers what, each kind once."""

    def __init__(self, foreign: Foreign) -> None:
        self._foreign = foreign
        self.notes: dict[str, None] = {}

    def item(self, item: bytes) -> bytes | None:
        """An input item of Responses; None for one that another vendor sealed."""
        kind = type_of(item)
        if kind not in _SEALED or not self._is_foreign(loads(item)):
            return item
        self.notes[f"foreign {'thinking' if kind == _SEALED[0] else 'compaction'} dropped"] = None
        return None

    def message(self, message: bytes) -> bytes:
        """A message of Chat without the details that another vendor sealed."""
        members = scan_object(message)
        details = loads(members.get("reasoning_details", b"null"))
        if not isinstance(details, list):
            return message
        kept = [entry for entry in details if not self._is_foreign(entry)]
        if len(kept) == len(details):
            return message
        self.notes["foreign thinking dropped"] = None
        if kept:
            return replace_member(message, "reasoning_details", dumps(kept))
        return join_object({key: value for key, value in members.items() if key != "reasoning_details"})

    def _is_foreign(self, entry: object) -> bool:
        return isinstance(entry, dict) and any(map(self._foreign, bare_blobs(entry)))
