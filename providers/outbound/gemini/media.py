"""Images and documents as Gemini's parts: bytes inline, addresses that Google itself fetches."""

from __future__ import annotations

from typing import Any

from providers.outbound.incapable import cannot
from providers.presets import Quirks

_TYPES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "heic": "image/heic",
    "heif": "image/heif", "gif": "image/gif", "pdf": "application/pdf", "txt": "text/plain",
}  # fmt: skip
_MISSPELT = {"image/jpg": "image/jpeg"}
_REFUSED = ("image/gif",)
_FETCHED = ("gs://", "https://")


def image_part(source: Any, quirks: Quirks) -> dict[str, Any]:
    """An image block's source. Raises UpstreamFailure (incapable) for what Gemini cannot read or fetch."""
    part = _part(source, "image/png") if quirks.images else None
    if part is None:
        raise cannot("image_block")
    return part


def document_part(source: Any) -> dict[str, Any]:
    """The source of a document that is a file. Raises UpstreamFailure (incapable) for what Gemini cannot fetch."""
    part = _part(source, "application/pdf")
    if part is None:
        raise cannot("document_block")
    return part


def _part(source: Any, fallback: str) -> dict[str, Any] | None:
    source = source if isinstance(source, dict) else {}
    kind, address = source.get("type"), source.get("url")
    if kind == "base64" and isinstance(source.get("data"), str):
        named = str(source.get("media_type") or fallback)
        mime = _MISSPELT.get(named, named)
        return None if mime in _REFUSED else {"inlineData": {"mimeType": mime, "data": source["data"]}}
    if kind == "url" and isinstance(address, str) and address.startswith(_FETCHED):
        mime = _guessed(address) or fallback
        return None if mime in _REFUSED else {"fileData": {"mimeType": mime, "fileUri": address}}
    return None


def _guessed(address: str) -> str | None:
    path = address.partition("?")[0].partition("#")[0]
    return _TYPES.get(path.rpartition(".")[2].lower())
