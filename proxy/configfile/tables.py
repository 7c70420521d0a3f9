"""Reading one TOML table: every key by name and type, every departure a finding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from proxy.configfile.findings import Findings, Place

_TYPE_NAMES = {
    bool: "true or false", int: "a whole number", float: "a number", str: "text", list: "a list", dict: "a table",
}  # fmt: skip


class Table:
    """A table of the file. Reading a key marks it known; `finish` reports the others."""

    def __init__(self, content: dict[str, Any], place: Place, findings: Findings) -> None:
        self.place = place
        self.findings = findings
        self._seen: set[str] = set()
        self._content = content

    def has(self, key: str) -> bool:
        """Whether the key is written at all."""
        return key in self._content

    def error(self, key: str, message: str) -> None:
        """Report what is wrong with one key."""
        self.findings.error(self.place, message, key)

    def text(self, key: str, default: str = "", *, required: bool = False) -> str:
        """A string without NUL characters."""
        value = self._typed(key, str, default, required)
        if "\x00" in value:
            self.error(key, "must not hold a NUL character")
            return default
        return str(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        return bool(self._typed(key, bool, default))

    def optional_flag(self, key: str) -> bool | None:
        """True, false, or None when absent."""
        return self.flag(key, False) if self.has(key) else None

    def integer(self, key: str, default: int, *, required: bool = False) -> int:
        """A whole number from 0."""
        value = int(self._typed(key, int, default, required))
        if value < 0:
            self.error(key, "must not be negative")
            return default
        return value

    def optional_integer(self, key: str) -> int | None:
        """A whole number from 0, or None when absent."""
        return self.integer(key, 0) if self.has(key) else None

    def number(self, key: str, default: float) -> float:
        """A finite number, with or without a fraction."""
        value = self._typed(key, float, default)
        if not math.isfinite(value):
            self.error(key, "must be a finite number")
            return default
        return float(value)

    def optional_number(self, key: str) -> float | None:
        """A finite number, or None when absent."""
        return self.number(key, 0) if self.has(key) else None

    def pattern(self, key: str, default: str) -> str:
        """A regex: absent or empty is the default, `false` is off (stored empty)."""
        if self._content.get(key) is False:
            self._seen.add(key)
            return ""
        return self.text(key) or default

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self._typed(key, list, [])
        if all(isinstance(item, str) and "\x00" not in item for item in value):
            return tuple(value)
        self.error(key, "must be a list of texts")
        return ()

    def pairs(self, key: str) -> Mapping[str, str]:
        """A table of strings."""
        value = self._typed(key, dict, {})
        if all(isinstance(item, str) and "\x00" not in item for item in value.values()):
            return dict(value)
        self.error(key, "every value must be text")
        return {}

    def table(self, key: str) -> Table | None:
        """A table inside this one, or None when absent."""
        if not self.has(key):
            return None
        self._seen.add(key)
        return self._opened(self._content[key], Place((*self.place.path, key), self._label(key, False)))

    def tables(self, key: str) -> list[Table]:
        """An array of tables; each is labelled with its number and, if it has one, its name."""
        content = self._typed(key, list, [])
        label = self._label(key, True)
        rows = []
        for index, row in enumerate(content):
            name = row.get("name", row.get("label")) if isinstance(row, dict) else None
            named = f"{label} #{index + 1} {name!r}" if isinstance(name, str) and name else f"{label} #{index + 1}"
            rows.append(self._opened(row, Place((*self.place.path, key, index), named)))
        return [row for row in rows if row is not None]

    def finish(self) -> None:
        """Report the keys nobody asked for."""
        for key in self._content:
            if key not in self._seen:
                expected = ", ".join(sorted(self._seen))
                self.error(key, f"is not a known key; known here: {expected}")

    def _opened(self, content: Any, place: Place) -> Table | None:
        if isinstance(content, dict):
            return Table(content, place, self.findings)
        self.findings.error(place, f"must be a table, not {_named(content)}")
        return None

    def _label(self, key: str, is_array: bool) -> str:
        names = [part for part in self.place.path if isinstance(part, str)] + [key]
        dotted = ".".join(names)
        own = f"[[{dotted}]]" if is_array else f"[{dotted}]"
        return f"{self.place.label}, {own}" if any(isinstance(part, int) for part in self.place.path) else own

    def _typed(self, key: str, kind: type, default: Any, required: bool = False) -> Any:
        self._seen.add(key)
        if key not in self._content:
            if required:
                self.error(key, "is missing")
            return default
        value = self._content[key]
        fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
        if fits and isinstance(value, bool) == (kind is bool):
            return value
        self.error(key, f"must be {_TYPE_NAMES[kind]}, not {_named(value)}")
        return default


def _named(value: Any) -> str:
    return _TYPE_NAMES.get(type(value), "a date or time")
