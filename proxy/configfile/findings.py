"""What is wrong with a file, each finding with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Where in the document: table names, keys and, in arrays of tables, positions from 0."""

# Each reads a line once, whatever stands in it: an upload may be one line of a million blanks.
_HEADER = re.compile(r"^\s*(\[\[?)([^\[\]#]+)\]\]?")
_KEY = re.compile(r"""^\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.[^=]*|\s*)=""")


_QUOTED = re.compile(r"""\"[^"]*"|'[^']*'""")
MAX_DOTS = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A part of the file and what people call it, such as `[[providers]] #2 'kimi'`."""

    path: Path
    label: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth knowing; `line` is 0 when unknown."""

    line: int
    label: str
    message: str

    def __str__(self) -> str:
        where = ", ".join(part for part in (f"line {self.line}" if self.line else "", self.label) if part)
        return f"{where}: {self.message}" if where else self.message


class Findings:
    """Collects findings and notes while a file is read, so that all are told at once."""

    def __init__(self, text: str = "") -> None:
        self._lines = line_numbers(text)
        self._errors: list[Finding] = []
        self._notes: list[Finding] = []

    def error(self, place: Place, message: str, key: str = "") -> None:
        """Something that keeps the file from being imported."""
        self._errors.append(self._finding(place, message, key))

    def note(self, place: Place, message: str, key: str = "") -> None:
        """Something that was left out or changed on the way in."""
        self._notes.append(self._finding(place, message, key))

    @property
    def errors(self) -> tuple[Finding, ...]:
        """All errors, in the order of the file, each once."""
        return tuple(sorted(dict.fromkeys(self._errors), key=lambda finding: finding.line))

    @property
    def notes(self) -> tuple[Finding, ...]:
        """All notes, in the order of the file, each once."""
        return tuple(sorted(dict.fromkeys(self._notes), key=lambda finding: finding.line))

    def _finding(self, place: Place, message: str, key: str) -> Finding:
        path = (*place.path, key) if key else place.path
        while path and path not in self._lines:
            path = path[:-1]
        return Finding(self._lines.get(path, 0), place.label, f"{key}: {message}" if key else message)


def line_numbers(text: str) -> dict[Path, int]:
    """The line of each table and key: a plain scan, right for files as people write them."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    here: Path = ()
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        if fence:
            fence = "" if line.count(fence) % 2 else fence
            continue
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            here = _table_path(header[2], header[1] == "[[", counts)
            lines.setdefault(here, number)
        elif key:
            lines.setdefault((*here, key[1].strip("\"'")), number)
        for mark in ('"""', "'''"):
            if line.count(mark) % 2:
                fence = mark
    return lines


def overlong_key(text: str) -> int:
    """The first line whose keys have more parts than any file's, 0 for none: reading such takes minutes."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.count(".") > MAX_DOTS and _QUOTED.sub("", line).count(".") > MAX_DOTS:
            return number
    return 0


def _table_path(name: str, is_array: bool, counts: dict[Path, int]) -> Path:
    """The path a table header opens, arrays on the way resolved to their latest element."""
    path: Path = ()
    parts = [part.strip().strip("\"'") for part in name.split(".")]
    for index, part in enumerate(parts):
        path = (*path, part)
        if is_array and index == len(parts) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
