"""The output items of one response, as far as each has come, and which of them an event means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from providers.wire.spans import dumps

SPOKEN = ("message", "reasoning", "function_call", "custom_tool_call", "web_search_call")
"""The kinds of items that become blocks; the others tell the client nothing."""

_ARGUMENTS = {"function_call": "arguments", "custom_tool_call": "input"}


@dataclass(eq=False)
class Item:
    """One output item."""

    kind: str
    index: int | None = None
    id: str = ""
    call_id: str = ""
    name: str = ""
    heard: list[str] = field(default_factory=list)
    """All text, thinking or arguments that came."""
    waiting: list[str] = field(default_factory=list)
    """What of it is not yet written."""
    parts: list[tuple[str, int]] = field(default_factory=list)
    """The parts that some of it came for, in order."""
    begun: bool = False
    """Its tool_use block was begun."""
    done: bool = False
    entry: dict[str, Any] = field(default_factory=dict)
    """The item as it was told last, whole once it is done."""

    @property
    def text(self) -> str:
        """All that came, as one."""
        return "".join(self.heard)

    def know(self, entry: dict[str, Any]) -> None:
        """What the item itself says of its ids and name; the first word counts."""
        self.entry = entry
        for key in ("id", "call_id", "name"):
            value = entry.get(key)
            if isinstance(value, str) and value and not getattr(self, key):
                setattr(self, key, value)

    def hear(self, text: Any, part: tuple[str, int]) -> None:
        """A piece of what the item says. The parts of a reasoning are paragraphs."""
        if isinstance(text, dict):
            text = dumps(text).decode()
        if not isinstance(text, str) or not text or self.done:
            return
        if part not in self.parts:
            if self.kind == "reasoning" and self.heard:
                self._add("\n\n")
            self.parts.append(part)
        self._add(text)

    def hear_whole(self, text: Any, part: tuple[str, int]) -> None:
        """A whole part: news only when no piece of it came."""
        if part not in self.parts:
            self.hear(text, part)

    def end(self, entry: dict[str, Any]) -> None:
        """The item is done; what its last word holds beyond the pieces is heard now."""
        self.know(entry)
        whole, heard = _said(self.kind, entry), self.text
        if len(whole) > len(heard) and whole.startswith(heard):
            self._add(whole[len(heard) :])
        self.done = True

    def take(self) -> str:
        """What waits to be written, as one; then nothing waits."""
        text = "".join(self.waiting)
        self.waiting = []
        return text

    def _add(self, text: str) -> None:
        self.heard.append(text)
        self.waiting.append(text)


class Items:
    """All items of one response, in the order they came."""

    def __init__(self) -> None:
        self.all: list[Item] = []

    def added(self, kind: str, event: dict[str, Any]) -> Item:
        """The item that an event begins: a new one, unless the same was begun already."""
        item = self.find(kind, event)
        if item is None or item.done or _differs(item, event):
            item = Item(kind, output_index(event))
            self.all.append(item)
        return item

    def meant(self, kind: str, event: dict[str, Any]) -> Item:
        """The item that a later event speaks of; some servers never said that it began."""
        item = self.find(kind, event)
        unnamed = not item_id(event) and output_index(event) is None
        if item is None or (item.done and (unnamed or _differs(item, event))):
            item = Item(kind, output_index(event), item_id(event))
            self.all.append(item)
        return item

    def find(self, kind: str, event: dict[str, Any]) -> Item | None:
        """The item of this kind at the event's index; of several, or without one, that of its id; else the last."""
        index, own_id = output_index(event), item_id(event)
        fitting = [i for i in self.all if i.kind == kind and (index is None or i.index is None or i.index == index)]
        named = [item for item in fitting if own_id and item.id == own_id]
        if named:
            return named[-1]
        if index is None and own_id:
            fitting = [item for item in fitting if not item.id]
        return fitting[-1] if fitting else None

    def told_at_end(self, output: Any) -> None:
        """The whole output, as the last event tells it again: what has not come yet comes now."""
        unclaimed = list(self.all)
        for entry in output if isinstance(output, list) else ():
            kind = entry.get("type") if isinstance(entry, dict) else None
            if kind not in SPOKEN:
                continue
            likes = [item for item in unclaimed if item.kind == kind]
            same = [item for item in likes if _same(item, entry)]
            # Some servers give an item another id in every event: then its place among its likes counts.
            item = (same or likes or [Item(kind)])[0]
            if item in unclaimed:
                unclaimed.remove(item)
            else:
                self.all.append(item)
            if not item.done:
                item.end(entry)


def output_index(event: dict[str, Any]) -> int | None:
    """The event's `output_index`, or None."""
    index = event.get("output_index")
    return index if isinstance(index, int) and not isinstance(index, bool) else None


def item_id(event: dict[str, Any]) -> str:
    """The id of the item that an event means, or nothing."""
    entry = event.get("item")
    value = entry.get("id") if isinstance(entry, dict) else event.get("item_id")
    return value if isinstance(value, str) else ""


def parts_of(entry: dict[str, Any], key: str = "content") -> list[dict[str, Any]]:
    """The parts of an item, those that are objects."""
    parts = entry.get(key)
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _differs(item: Item, event: dict[str, Any]) -> bool:
    entry = event.get("item")
    call = entry.get("call_id") if isinstance(entry, dict) else None
    own_id = item_id(event)
    return bool((own_id and item.id and own_id != item.id) or (call and item.call_id and call != item.call_id))


def _same(item: Item, entry: dict[str, Any]) -> bool:
    call = entry.get("call_id")
    return bool((item.id and item.id == entry.get("id")) or (item.call_id and item.call_id == call))


def _said(kind: str, entry: dict[str, Any]) -> str:
    if kind in _ARGUMENTS:
        arguments = entry.get(_ARGUMENTS[kind])
        if isinstance(arguments, dict):
            return dumps(arguments).decode()
        return arguments if isinstance(arguments, str) else ""
    if kind == "reasoning":
        return "\n\n".join(filter(None, map(_text, [*parts_of(entry, "summary"), *parts_of(entry)])))
    return "".join(map(_text, parts_of(entry)))


def _text(part: dict[str, Any]) -> str:
    text = part.get("refusal") if part.get("type") == "refusal" else part.get("text")
    return text if isinstance(text, str) else ""
