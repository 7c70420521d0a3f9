"""The JSON Schema a client wants its answer to fit: as OpenAI takes it, and in words for servers that take none."""

from __future__ import annotations

import json
from typing import Any


def wanted_schema(source: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of `output_config.format`; None when the answer may be anything."""
    config = source.get("output_config")
    wanted = config.get("format") if isinstance(config, dict) else None
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return None
    schema = wanted.get("schema")
    return schema if isinstance(schema, dict) else {"type": "object"}


def is_strict(schema: dict[str, Any]) -> bool:
    """True for a schema that OpenAI takes as strict: objects only, all properties required, no others allowed."""
    return schema.get("type") == "object" and _is_closed(schema)


def schema_in_words(schema: dict[str, Any]) -> str:
    """What a model is told whose server can only be asked for JSON; some of them refuse a prompt without that word."""
    text = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
    return f"Answer with one JSON object and nothing else. It must fit this JSON Schema: {text}"


def _is_closed(schema: Any) -> bool:
    if isinstance(schema, list):
        return all(_is_closed(item) for item in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        required = schema.get("required")
        named = set(properties) if isinstance(properties, dict) else set()
        if schema.get("additionalProperties") is not False or not isinstance(required, list):
            return False
        if named != {key for key in required if isinstance(key, str)}:
            return False
    return all(_is_closed(value) for value in schema.values())
