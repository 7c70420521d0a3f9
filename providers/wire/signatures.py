"""Signatures with an origin: an opaque reasoning blob never reaches a vendor that did not make it.

What an upstream gives us to send back (encrypted reasoning, thought signatures) travels
to the client inside `thinking.signature` under our tag and is restored only for the
origin that made it. An untagged signature is Anthropic's own.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from providers.wire.spans import MalformedJson, dumps, loads

MARK = "ccm1."
"""What our signatures begin with."""
DETAILS_FORMAT = "ccm-v1"
"""The `format` of a Chat `reasoning_details` entry that we made of a thinking block: no Chat upstream may see it."""


def tag(origin: str, payload: Any) -> str:
    """A signature that carries `payload` (any JSON value) for `origin`, such as `openai_responses:gpt-5`."""
    text = dumps([origin, payload])
    return MARK + base64.urlsafe_b64encode(text).decode().rstrip("=")


def untag(signature: Any, origin: str) -> Any:
    """The payload, when the signature is ours and of this origin; else None."""
    if not is_tagged(signature):
        return None
    encoded = signature[len(MARK) :]
    try:
        pair = loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError, MalformedJson):
        return None
    return pair[1] if isinstance(pair, list) and len(pair) == 2 and pair[0] == origin else None


def is_tagged(signature: Any) -> bool:
    """True for a signature that we made: no Anthropic upstream may see it."""
    return isinstance(signature, str) and signature.startswith(MARK)
