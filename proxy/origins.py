"""Who made which thinking: signatures that passed through untouched look alike, so their makers are remembered.

In memory and bounded; what is forgotten counts as unknown.
"""

from __future__ import annotations

from hashlib import blake2b

MAX_REMEMBERED = 50_000


class Origins:
    """Which provider gave each signature; of a signature only a short hash is kept."""

    def __init__(self, limit: int = MAX_REMEMBERED) -> None:
        self._limit = limit
        self._makers: dict[bytes, str] = {}
        self._seen: set[str] = set()

    def note(self, signature: str, provider: str) -> None:
        """A provider has just given this signature."""
        if len(self._makers) >= self._limit:
            del self._makers[next(iter(self._makers))]
        self._makers[_key(signature)] = provider
        self._seen.add(provider)

    def maker(self, signature: str) -> str | None:
        """The provider that gave it, or None when that is not remembered."""
        return self._makers.get(_key(signature))

    def others_than(self, provider: str) -> bool:
        """True when another provider ever gave a signature: else no history needs to be looked at for it."""
        return bool(self._seen - {provider})


def _key(signature: str) -> bytes:
    return blake2b(signature.encode("utf-8", "surrogatepass"), digest_size=12).digest()


ORIGINS = Origins()
"""This process's memory."""
