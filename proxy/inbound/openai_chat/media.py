"""Content parts of a Chat message as Messages blocks: text, images and files."""

from __future__ import annotations

from typing import Any

from proxy.errors import bad_request
from proxy.inbound.openai_media import Blocks, content_blocks, file_block, image_block, text_blocks


def blocks_of(content: Any, where: str) -> Blocks:
    """The blocks of a message's content. `where` names it in errors. Raises ApiError (400) for what nobody takes.

    Blank text is left out; so are parts we have never heard of.
    """
    return content_blocks(content, where, _part)


def _part(part: dict[str, Any], where: str) -> Blocks:
    kind = part.get("type")
    if kind in ("text", "refusal"):
        return text_blocks(part.get(kind))
    if kind == "image_url":
        image = part.get("image_url")
        return [image_block(image.get("url") if isinstance(image, dict) else image, "image_url.url", where)]
    if kind == "file":
        file = part.get("file")
        return [file_block(file if isinstance(file, dict) else {}, "file.file_data", where)]
    if kind == "input_audio":
        raise bad_request(f"{where}: input_audio is not taken here; send what was said as text")
    return []
