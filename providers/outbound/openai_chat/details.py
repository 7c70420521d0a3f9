"""OpenRouter's `reasoning_details`, put together from the pieces of a stream: they go back as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_GROWING = ("text", "summary", "data")


class Details:
    """Pieces with the same index and type are one detail; what grows is joined, everything else is overwritten."""

    def __init__(self) -> None:
        self._details: list[dict[str, Any]] = []

    def add(self, pieces: Sequence[dict[str, Any]]) -> None:
        """The details of one delta."""
        for piece in pieces:
            known = self._details[-1] if self._details else None
            if known is not None and all(known.get(key) == piece.get(key) for key in ("index", "type")):
                _join(known, piece)
            else:
                self._details.append(dict(piece))

    def taken(self) -> list[dict[str, Any]] | None:
        """What came since the last time, or None; it is then forgotten."""
        details, self._details = self._details, []
        return details or None


def _join(known: dict[str, Any], piece: dict[str, Any]) -> None:
    for key, value in piece.items():
        old = known.get(key)
        if key in _GROWING and isinstance(old, str) and isinstance(value, str):
            known[key] = old + value
        elif value is not None:
            known[key] = value
