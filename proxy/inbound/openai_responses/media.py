"""Content parts of Responses messages and of calls' outputs as Messages blocks."""

from __future__ import annotations

from typing import Any

from proxy.errors import bad_request
from proxy.inbound.openai_media import Blocks, content_blocks, file_block, image_block, text_blocks


def blocks_of(content: Any, where: str) -> Blocks:
    """The blocks of a message's content or a call's output. `where` names it in errors.

    Blank text is left out; so are parts we have never heard of. Raises ApiError (400) for what nobody takes.
    """
    return content_blocks(content, where, _part)


def _part(part: dict[str, Any], where: str) -> Blocks:
    kind = part.get("type")
    if kind in ("input_text", "output_text", "text", "summary_text"):
        return text_blocks(part.get("text"))
    if kind == "refusal":
        return text_blocks(part.get("refusal"))
    if kind == "input_image":
        return [_image(part, where)]
    if kind == "input_file":
        return [_file(part, where)]
    if kind == "input_audio":
        raise bad_request(f"{where}: input_audio is not taken here; send what was said as text")
    return []


def _image(part: dict[str, Any], where: str) -> dict[str, Any]:
    url, file_id = part.get("image_url"), part.get("file_id")
    if not url and isinstance(file_id, str) and file_id:
        # Only the upstream that holds the file can tell whether it exists.
        return {"type": "image", "source": {"type": "file", "file_id": file_id}}
    return image_block(url.get("url") if isinstance(url, dict) else url, "image_url", where)


def _file(part: dict[str, Any], where: str) -> dict[str, Any]:
    url = part.get("file_url")
    if not part.get("file_data") and isinstance(url, str) and url.lower().startswith(("https://", "http://")):
        return {"type": "document", "source": {"type": "url", "url": url}}
    return file_block(part, "file_data or file_url", where)
