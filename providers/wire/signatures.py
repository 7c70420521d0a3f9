"""Signatures with an origin: an opaque reasoning blob never reaches a vendor that did not make it.

What an upstream gives us to send back (encrypted reasoning, thought signatures) travels
to the client inside `thinking.signature` under our tag and is restored only for the
origin that made it. An untagged signature is Anthropic's own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from providers.wire.spans import MalformedJson, dumps, loads

MARK = "ccm1."
"""What our signatures begin with."""
DETAILS_FORMAT = "ccm-v1"
"""The `format` of a Chat `reasoning_details` entry that we made of a thinking block: no Chat upstream may see it."""

CARRIER = "ccm-r1."
"""What the `encrypted_content` of a Responses reasoning item begins with that we made of a thinking block."""


def tag(origin: str, payload: Any) -> str:
    """A signature that carries `payload` (any JSON value) for `origin`, such as `openai_responses:gpt-5`."""
    text = dumps([origin, payload])
    return MARK + base64.urlsafe_b64encode(text).decode().rstrip("=")


def untag(signature: Any, origin: str) -> Any:
    """The payload, when the signature is ours and of this origin; else None."""
    whose, payload = _opened(signature)
    return payload if whose == origin else None


def blobs_in(signature: Any) -> list[str]:
    """The upstream's own blobs under our tag, as a client of the upstream's own format gets to see them."""
    payload = _opened(signature)[1]
    entries = payload if isinstance(payload, list) else [payload]
    return [blob for entry in entries if isinstance(entry, dict) for blob in bare_blobs(entry)]


def bare_blobs(entry: Mapping[str, Any]) -> list[str]:
    """What a reasoning item or one of Chat's `reasoning_details` holds for its maker alone; nothing of our making."""
    if entry.get("format") == DETAILS_FORMAT:
        return []
    blobs = [entry.get(key) for key in ("encrypted_content", "signature", "data")]
    return [blob for blob in blobs if isinstance(blob, str) and blob and not blob.startswith(CARRIER)]


def _opened(signature: Any) -> tuple[Any, Any]:
    """Origin and payload of a signature of ours; None for both when it is none."""
    if not is_tagged(signature):
        return None, None
    encoded = signature[len(MARK) :]
    try:
        pair = loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError, MalformedJson):
        return None, None
    return (pair[0], pair[1]) if isinstance(pair, list) and len(pair) == 2 else (None, None)


def is_tagged(signature: Any) -> bool:
    """True for a signature that we made: no Anthropic upstream may see it."""
    return isinstance(signature, str) and signature.startswith(MARK)


def carried(block: Mapping[str, Any]) -> str | None:
    """A thinking block's signature, or hidden thinking's data, as the `encrypted_content` of a reasoning item.

    None for a block that holds nothing its maker would take back.
    """
    kind = "redacted_thinking" if block.get("type") == "redacted_thinking" else "thinking"
    blob = block.get("data" if kind == "redacted_thinking" else "signature")
    return f"{CARRIER}{kind}.{blob}" if isinstance(blob, str) and blob else None


def uncarried(encrypted: Any, text: str) -> dict[str, Any] | None:
    """The thinking block that `carried` made this of, with its visible text; None when it is not of our making."""
    if not isinstance(encrypted, str) or not encrypted.startswith(CARRIER):
        return None
    kind, _, blob = encrypted[len(CARRIER) :].partition(".")
    if kind == "redacted_thinking" and blob:
        return {"type": kind, "data": blob}
    return {"type": kind, "thinking": text, "signature": blob} if kind == "thinking" and blob else None
