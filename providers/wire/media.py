"""What images and documents cost, told by their first bytes or their size: base64 is never read whole.

Source: Anthropic's guides to vision (width × height / 750 tokens, larger images are scaled down first) and to PDFs
(a page costs its text and its picture).
"""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

IMAGE_TOKENS = 1500
"""An image whose size cannot be told."""
MAX_IMAGE_TOKENS = 1600
PDF_PAGE_TOKENS = 2000
MAX_PDF_PAGES = 100
"""Anthropic's limit for a request; a larger file has larger pictures, not more pages."""

_PDF_PAGE_BASE64 = 100_000
_LONG_EDGE = 1568
_PIXELS_PER_TOKEN = 750
_HEAD_BASE64 = 88_000
"""Enough for a JPEG's metadata before its size: a segment of Exif data has 64 kB at most."""
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE = frozenset({0x01, 0xFF, *range(0xD0, 0xD9)})


def image_tokens(block: Mapping[str, Any]) -> int:
    """Tokens of an image block: by its dimensions where its data is there, else a fixed price."""
    source = block.get("source")
    data = source.get("data") if isinstance(source, dict) and source.get("type") == "base64" else None
    size = dimensions(data) if isinstance(data, str) else None
    if size is None or 0 in size:
        return IMAGE_TOKENS
    scale = min(1.0, _LONG_EDGE / max(size))
    return max(1, min(MAX_IMAGE_TOKENS, int(size[0] * scale * size[1] * scale / _PIXELS_PER_TOKEN)))


def pdf_tokens(base64_length: int) -> int:
    """Tokens of a PDF with that many characters of base64."""
    return PDF_PAGE_TOKENS * min(MAX_PDF_PAGES, 1 + base64_length // _PDF_PAGE_BASE64)


def dimensions(data: str) -> tuple[int, int] | None:
    """Width and height in pixels of a PNG, JPEG, GIF or WebP in base64; None when its beginning does not tell."""
    try:
        head = b64decode(data[: _HEAD_BASE64 if data.startswith("/9j/") else 64])
        return _dimensions(head)
    except (ValueError, struct.error, IndexError):
        return None


def _dimensions(head: bytes) -> tuple[int, int] | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _pair(">II", head, 16)
    if head.startswith(b"\xff\xd8"):
        return _jpeg(head)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _pair("<HH", head, 6)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _webp(head)
    return None


def _pair(layout: str, head: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(layout, head, at)
    return int(first), int(second)


def _jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        if marker in _JPEG_SIZES:
            height, width = _pair(">HH", head, at + 5)
            return width, height
        at += 1 if marker == 0xFF else 2 if marker in _JPEG_ALONE else 2 + int.from_bytes(head[at + 2 : at + 4])
    return None


def _webp(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8 ":
        width, height = _pair("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        packed = int.from_bytes(head[21:25], "little")
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    return None
