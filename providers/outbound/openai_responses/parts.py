"""Content blocks in the words of Responses: texts, images and files, in messages and in the outputs of calls."""

from __future__ import annotations

from typing import Any

from providers.outbound.incapable import cannot
from providers.outbound.prompt import (
    NO_OUTPUT,
    NO_PLACE,
    Blocks,
    blocks_of,
    document_blocks,
    document_text,
    loaded_tools_text,
    search_result_text,
)
from providers.presets import Quirks


def text_part(text: str) -> dict[str, Any]:
    """A text the model is given."""
    return {"type": "input_text", "text": text}


def input_parts(block: dict[str, Any], quirks: Quirks, notes: list[str]) -> Blocks:
    """The parts that a block makes; a block nobody here knows makes none, and a note.

    Raises UpstreamFailure (incapable) for an image or a document that the target cannot take.
    """
    kind = block.get("type")
    if kind == "text":
        return [text_part(block["text"])] if isinstance(block.get("text"), str) and block["text"] else []
    if kind == "image":
        return [_image(block.get("source"), quirks)]
    if kind == "document":
        return _document(block, quirks, notes)
    if kind == "search_result":
        return [text_part(search_result_text(block))]
    notes.append(NO_PLACE)
    return []


def output_of(result: dict[str, Any], quirks: Quirks, notes: list[str]) -> str | Blocks:
    """What a `tool_result` says: one string when it is all text, never empty; parts when media are among it.

    Raises UpstreamFailure (incapable) for an image or a document that the target cannot take.
    """
    parts: Blocks = []
    loaded: list[str] = []
    for block in blocks_of(result.get("content")):
        if block.get("type") == "tool_reference":
            loaded.append(str(block.get("tool_name") or block.get("name")))
        else:
            parts += input_parts(block, quirks, notes)
    if loaded:
        parts.append(text_part(loaded_tools_text(loaded)))
    failed = "Error: " if result.get("is_error") is True else ""
    if all(part["type"] == "input_text" for part in parts):
        return failed + ("\n".join(part["text"] for part in parts) or NO_OUTPUT)
    return [text_part(failed.strip()), *parts] if failed else parts


def _image(source: Any, quirks: Quirks) -> dict[str, Any]:
    source = source if isinstance(source, dict) else {}
    url = source.get("url") if source.get("type") == "url" else _data_url(source, "image/png")
    if not quirks.images or not isinstance(url, str):
        raise cannot("image_block")
    return {"type": "input_image", "image_url": url, "detail": "auto"}


def _document(block: dict[str, Any], quirks: Quirks, notes: list[str]) -> Blocks:
    source = block.get("source")
    source = source if isinstance(source, dict) else {}
    inner = document_blocks(block)
    if inner is not None:
        return [part for nested in inner for part in input_parts(nested, quirks, notes)]
    text = document_text(block)
    if text is not None:
        return [text_part(text)] if text else []
    if not quirks.pdf:
        raise cannot("document_block")
    if source.get("type") == "url" and isinstance(source.get("url"), str):
        return [{"type": "input_file", "file_url": source["url"]}]
    data = _data_url(source, "application/pdf")
    if data is None:
        raise cannot("document_block")
    title = str(block.get("title") or "document")
    name = title if title.lower().endswith(".pdf") else f"{title}.pdf"
    return [{"type": "input_file", "filename": name, "file_data": data}]


def _data_url(source: dict[str, Any], media_type: str) -> str | None:
    if source.get("type") != "base64":
        return None
    return f"data:{source.get('media_type', media_type)};base64,{source.get('data', '')}"
