"""PKCE (RFC 7636, S256) and `state`: fresh random values, never derived from each other."""

from __future__ import annotations

import base64
import hashlib
import secrets

RANDOM_BYTES = 32


def new_verifier() -> str:
    """A code verifier: 32 random bytes, 43 URL-safe characters. It never leaves the server."""
    return secrets.token_urlsafe(RANDOM_BYTES)


def new_state() -> str:
    """A state: 32 random bytes of its own."""
    return secrets.token_urlsafe(RANDOM_BYTES)


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
