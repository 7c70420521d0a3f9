"""Thinking as `reasoning_details`: whole, with its signature, so that a client can hand it back.

An entry is sent once and in one piece: clients join the pieces of a list's entries by their
`index`, and would join a repeated `format` as well. Shape: OpenRouter's reference.
"""

from __future__ import annotations

from typing import Any

from providers.wire.signatures import DETAILS_FORMAT


def detail(index: int, block: dict[str, Any]) -> dict[str, Any] | None:
    """The entry for a whole thinking block; None for one without a signature, which nobody takes back."""
    if block.get("type") == "redacted_thinking":
        data = block.get("data")
        entry = {"type": "reasoning.encrypted", "data": data} if data else None
    else:
        signature = block.get("signature")
        text = block.get("thinking") or ""
        entry = {"type": "reasoning.text", "text": text, "signature": signature} if signature else None
    return {"index": index, **entry, "format": DETAILS_FORMAT} if entry else None
