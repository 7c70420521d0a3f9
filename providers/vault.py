"""Secrets at rest: sealed with MultiFernet and bound to the row and field they belong to.

The first key of CCM_FIELD_KEYS seals, every key unseals. The plaintext carries its place,
so a sealed text copied into another row is refused. Source: the Fernet specification, which
has no associated data of its own.
"""

from __future__ import annotations

import secrets
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class VaultError(ValueError):
    """A secret could not be sealed or unsealed; the message says why and what to do."""


def new_key() -> str:
    """A fresh key for CCM_FIELD_KEYS."""
    return Fernet.generate_key().decode()


def new_binding() -> str:
    """A random name for a place that has no primary key yet."""
    return secrets.token_hex(8)


@lru_cache(maxsize=8)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise VaultError("CCM_FIELD_KEYS is not set; run `manage.py quickstart` to create one")
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise VaultError("CCM_FIELD_KEYS holds something that is no Fernet key (32 bytes, URL-safe base64)") from error


def seal(secret: str, place: str) -> str:
    """Encrypt `secret` for `place` ("model:field:binding"). Raises VaultError."""
    if "|" in place:
        raise VaultError("a place must not hold the separator |")
    try:
        bound = f"v1|{place}|{secret}".encode()
    except UnicodeEncodeError:
        # The cause would carry the secret into tracebacks.
        raise VaultError("the secret holds characters that cannot be stored; enter it again") from None
    return _fernet(tuple(settings.CCM_FIELD_KEYS)).encrypt(bound).decode()


def unseal(sealed: str, place: str) -> str:
    """Decrypt what `seal` made for the same place. Raises VaultError."""
    fernet = _fernet(tuple(settings.CCM_FIELD_KEYS))
    try:
        bound = fernet.decrypt(sealed.encode("utf-8", "replace")).decode()
    except InvalidToken as error:
        raise VaultError(
            "the secret cannot be decrypted with the keys in CCM_FIELD_KEYS; restore the old key or enter it again"
        ) from error
    prefix = f"v1|{place}|"
    if not bound.startswith(prefix):
        raise VaultError("the secret was sealed for another row; enter it again")
    return bound.removeprefix(prefix)
