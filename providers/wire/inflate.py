"""Compressed bytes that nobody asked for, inflated within bounds: some gateways compress whatever they are asked.

Source: RFC 9110, section 8.4.1 (gzip, deflate); RFC 1952 (a gzip body may have several members).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

CODINGS = ("gzip", "x-gzip", "deflate")
STEP = 64 * 1024
"""Bytes inflated at a time."""
MAX_INFLATED = 64 * 1024 * 1024
MAX_RATIO = 100
"""Times its compressed size; text of models shrinks to a tenth at best."""
FREE = 1024 * 1024
"""Inflated bytes that may have any ratio."""
_EITHER = 32 + zlib.MAX_WBITS  # tells gzip from zlib by its head


class Inflater:
    """Compressed chunks in, plain pieces of at most `STEP` bytes out, each as soon as it can be told."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_EITHER)
        self._taken = self._given = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What a chunk holds. Raises ValueError for bytes that are not compressed, or inflate beyond all measure."""
        self._taken += len(chunk)
        piece = b""
        # A piece of full size may not be all: the rest can wait inside, when every byte that came is taken.
        while chunk or len(piece) == STEP:
            if self._member.eof:
                if not chunk:
                    return
                self._member = zlib.decompressobj(_EITHER)
            piece = self._inflated(chunk)
            if piece:
                yield piece
            chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def finish(self) -> None:
        """Say that no more comes. Raises ValueError when the compressed bytes have no end."""
        if self._taken and not self._member.eof:
            raise ValueError("the compressed answer breaks off")

    def _inflated(self, chunk: bytes) -> bytes:
        try:
            piece = self._member.decompress(chunk, STEP)
        except zlib.error as error:
            raise ValueError("the answer is not compressed as it says") from error
        self._given += len(piece)
        if self._given > MAX_INFLATED or self._given > max(FREE, MAX_RATIO * self._taken):
            raise ValueError("the compressed answer is far larger than it looks")
        return piece
