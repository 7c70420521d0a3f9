"""The lines around a finding, as they may be shown: secrets are masked even to who sent them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

AROUND = 1
MAX_WIDTH = 160
_NAMES = re.compile(r"(?i)auth|key|token|secret|cookie|password|credential")
_VALUE = re.compile(r"([=:]\s*)(\"[^\"]*\"?|'[^']*'?|[^\s,}\"']+)")
_PLAIN = re.compile(r"\s*(name|provider|provider_type|actual_model|models?|default|background|think|websearch)\s*=")
"""Names may be long."""
_LONG = re.compile(r"[A-Za-z0-9_+/=.-]{20,}")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file."""

    number: int
    text: str
    meant: bool
    """It is the finding's own line."""


def excerpt(lines: list[str], number: int) -> tuple[Line, ...]:
    """The lines around line `number` of a file; none for 0, which is "unknown"."""
    if not 0 < number <= len(lines):
        return ()
    span = range(max(number - AROUND, 1), min(number + AROUND, len(lines)) + 1)
    return tuple(Line(at, masked_line(lines[at - 1]), at == number) for at in span)


def masked_line(line: str) -> str:
    """A line of at most 160 characters, without what is or may be a secret; a variable's name is none."""
    text = line[:MAX_WIDTH]
    if _NAMES.search(text):
        text = _VALUE.sub(lambda found: found[0] if _harmless(found[2]) else f'{found[1]}"…"', text)
    if not _PLAIN.match(text):
        text = _LONG.sub(lambda found: found[0] if _harmless(found[0]) else f"{found[0][:4]}…", text)
    return text + ("…" if len(line) > MAX_WIDTH else "")


def _harmless(value: str) -> bool:
    plain = value.strip("\"'")
    return (
        plain in ("", "true", "false", "apikey", "oauth", "[", "{") or re.fullmatch(r"\$\{?\w+\}?", plain) is not None
    )
