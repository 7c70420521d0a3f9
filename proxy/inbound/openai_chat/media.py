"""Content parts of a Chat message as Messages blocks: text, images and files."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from proxy.errors import ApiError, bad_request

Blocks = list[dict[str, Any]]

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_TEXTS = ("application/json", "application/xml", "application/yaml")
_PDF = "application/pdf"


def blocks_of(content: Any, where: str) -> Blocks:
    """The blocks of a message's content. `where` names it in errors. Raises ApiError (400) for what nobody takes.

    Text without a word in it is left out, as Anthropic refuses it; so are parts we have never heard of.
    """
    if isinstance(content, str):
        return text_blocks(content)
    blocks: Blocks = []
    for index, part in enumerate(content if isinstance(content, list) else ()):
        if isinstance(part, str):
            blocks += text_blocks(part)
        elif isinstance(part, dict):
            made = _part(part, f"{where}[{index}]")
            if made and isinstance(part.get("cache_control"), dict):
                made[-1]["cache_control"] = part["cache_control"]
            blocks += made
    return blocks


def text_blocks(text: Any) -> Blocks:
    """A text block, or none for what is no text or blank."""
    return [{"type": "text", "text": text}] if isinstance(text, str) and text.strip() else []


def _part(part: dict[str, Any], where: str) -> Blocks:
    kind = part.get("type")
    if kind in ("text", "refusal"):
        return text_blocks(part.get(kind))
    if kind == "image_url":
        return [_image(part.get("image_url"), where)]
    if kind == "file":
        return [_file(part.get("file"), where)]
    if kind == "input_audio":
        raise bad_request(f"{where}: input_audio is not taken here; send what was said as text")
    return []


def _image(image: Any, where: str) -> dict[str, Any]:
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str) or not url:
        raise bad_request(f"{where}: image_url.url is required, as a data: or https: URL")
    if url[:5].lower() == "data:":
        return _document_or_image(*_data_url(url, where), "", where)
    if url.lower().startswith(("https://", "http://")):
        return {"type": "image", "source": {"type": "url", "url": url}}
    raise bad_request(f"{where}: image_url.url must be a data: or https: URL")


def _file(file: Any, where: str) -> dict[str, Any]:
    file = file if isinstance(file, dict) else {}
    data, file_id = file.get("file_data"), file.get("file_id")
    name = file["filename"] if isinstance(file.get("filename"), str) else ""
    if isinstance(data, str) and data:
        media_type, encoded = _data_url(data, where) if data[:5].lower() == "data:" else (_PDF, data)
        return _document_or_image(media_type, encoded, name, where)
    if isinstance(file_id, str) and file_id:
        # Only the upstream that holds the file can tell whether it exists.
        return {"type": "document", "source": {"type": "file", "file_id": file_id}}
    raise bad_request(f"{where}: file.file_data is required, as a data: URL")


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
