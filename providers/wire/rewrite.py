"""Taking parts out of a Messages body while every other byte stays: on the native path bytes are the promise."""

from __future__ import annotations

from collections.abc import Callable

from providers.wire.spans import MalformedJson, Span, item_spans, replace_member, scan_object

Change = Callable[[bytes], bytes | None]
"""An item's JSON text in, its new text out; None takes the item away."""


def change_items(array: bytes, change: Change) -> bytes:
    """The JSON array with `change` applied to each item, separators kept; what is no array comes back as it is."""
    items = item_spans(array, Span(0, len(array))) if array.lstrip()[:1] == b"[" else None
    if not items:
        return array
    parts: list[bytes] = [array[: items[0].start]]
    kept = 0
    for index, item in enumerate(items):
        changed = change(item.of(array))
        if changed is None:
            continue
        if kept:
            parts.append(array[items[index - 1].end : item.start])
        parts.append(changed)
        kept += 1
    parts.append(array[items[-1].end :])
    return b"".join(parts)


def change_content(message: bytes, change: Change) -> bytes | None:
    """The message with `change` applied to each content block; None when that leaves it without any.

    A message whose content is a string comes back as it is.
    """
    try:
        content = scan_object(message).get("content", b"")
    except MalformedJson:
        return message
    changed = change_items(content, change)
    if changed == content:
        return message
    return None if changed.strip(b"[] \t\r\n") == b"" else replace_member(message, "content", changed)


def type_of(block: bytes) -> bytes:
    """A block's `type` as JSON text; empty when it has none."""
    try:
        return scan_object(block).get("type", b"")
    except MalformedJson:
        return b""
