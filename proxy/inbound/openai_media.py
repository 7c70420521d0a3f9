"""Texts, images and files of OpenAI's dialects as Messages blocks."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from proxy.errors import ApiError, bad_request

Blocks = list[dict[str, Any]]

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_TEXTS = ("application/json", "application/xml", "application/yaml")
_PDF = "application/pdf"


def content_blocks(content: Any, where: str, made_of: Callable[[dict[str, Any], str], Blocks]) -> Blocks:
    """The blocks of a message's content; `made_of` reads one part. `where` names it in errors.

    Text without a word in it is left out, as Anthropic refuses it.
    """
    if isinstance(content, str):
        return text_blocks(content)
    blocks: Blocks = []
    for index, part in enumerate(content if isinstance(content, list) else ()):
        if isinstance(part, str):
            blocks += text_blocks(part)
        elif isinstance(part, dict):
            made = made_of(part, f"{where}[{index}]")
            if made and isinstance(part.get("cache_control"), dict):
                made[-1]["cache_control"] = part["cache_control"]
            blocks += made
    return blocks


def text_blocks(text: Any) -> Blocks:
    """A text block, or none for what is no text or blank."""
    return [{"type": "text", "text": text}] if isinstance(text, str) and text.strip() else []


def image_block(url: Any, field: str, where: str) -> dict[str, Any]:
    """The block of an image's URL; `field` is the member that holds it. Raises ApiError (400) for what nobody takes."""
    if not isinstance(url, str) or not url:
        raise bad_request(f"{where}: {field} is required, as a data: or https: URL")
    if url[:5].lower() == "data:":
        return _document_or_image(*_data_url(url, where), "", where)
    if url.lower().startswith(("https://", "http://")):
        return {"type": "image", "source": {"type": "url", "url": url}}
    raise bad_request(f"{where}: {field} must be a data: or https: URL")


def file_block(file: dict[str, Any], field: str, where: str) -> dict[str, Any]:
    """The block of a file by its data or id; `field` names the data in errors. Raises ApiError (400)."""
    data, file_id = file.get("file_data"), file.get("file_id")
    name = file["filename"] if isinstance(file.get("filename"), str) else ""
    if isinstance(data, str) and data:
        media_type, encoded = _data_url(data, where) if data[:5].lower() == "data:" else (_PDF, data)
        return _document_or_image(media_type, encoded, name, where)
    if isinstance(file_id, str) and file_id:
        # Only the upstream that holds the file can tell whether it exists.
        return {"type": "document", "source": {"type": "file", "file_id": file_id}}
    raise bad_request(f"{where}: {field} is required, as a data: URL")


def _data_url(url: str, where: str) -> tuple[str, str]:
    head, comma, data = url.partition(",")
    media_type, *options = head[5:].split(";")
    if not comma or "base64" not in (option.strip().lower() for option in options):
        raise bad_request(f"{where}: the data: URL must be base64, like data:image/png;base64,…")
    media_type = media_type.strip().lower()
    return ("image/jpeg" if media_type == "image/jpg" else media_type), data


def _document_or_image(media_type: str, data: str, name: str, where: str) -> dict[str, Any]:
    titled = {"title": name} if name else {}
    if media_type in _IMAGES:
        return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
    if media_type == _PDF:
        return {"type": "document", "source": {"type": "base64", "media_type": _PDF, "data": data}, **titled}
    if media_type.startswith("text/") or media_type in _TEXTS:
        source = {"type": "text", "media_type": "text/plain", "data": _decoded(data, where)}
        return {"type": "document", "source": source, **titled}
    raise _unknown(media_type, where)


def _decoded(data: str, where: str) -> str:
    try:
        return base64.b64decode(data, validate=False).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as error:
        raise bad_request(f"{where}: the data: URL is not valid base64") from error


def _unknown(media_type: str, where: str) -> ApiError:
    return bad_request(f"{where}: {media_type[:80]!r} is not taken; send a JPEG, PNG, GIF or WebP image, a PDF or text")
