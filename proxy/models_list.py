"""The list of models: one shape that the Anthropic SDK, the OpenAI SDK and Claude Code's discovery all parse."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from proxy.config import ConfigSnapshot, ModelConfig
from proxy.errors import ApiError, bad_request

MAX_LIMIT = 1000


def page(config: ConfigSnapshot, query: Mapping[str, str]) -> dict[str, Any]:
    """One page of models by name; `limit`, `after_id` and `before_id` as Anthropic defines them. Raises ApiError."""
    names = sorted(config.models)
    if after := query.get("after_id"):
        names = [name for name in names if name > after]
    if before := query.get("before_id"):
        names = [name for name in names if name < before]
    limit = _limit(query.get("limit"))
    shown = [_item(config.models[name]) for name in names[:limit]]
    return {
        "object": "list",
        "data": shown,
        "has_more": len(names) > limit,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }


def one(config: ConfigSnapshot, model_id: str) -> dict[str, Any]:
    """One model. Raises ApiError (404)."""
    model = config.model(model_id)
    if model is None:
        known = ", ".join(sorted(config.models)[:20]) or "none yet"
        raise ApiError(404, "not_found_error", f"no model named {model_id!r}; known models: {known}")
    return _item(model)


def _item(model: ModelConfig) -> dict[str, Any]:
    return {
        "id": model.name,
        "type": "model",
        "object": "model",
        "display_name": model.description or model.name,
        "created_at": datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "created": model.created,
        "owned_by": "ccm",
        "lifecycle": "active",
    }


def _limit(text: str | None) -> int:
    if text is None:
        return MAX_LIMIT
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MAX_LIMIT:
        raise bad_request(f"limit: must be a number from 1 to {MAX_LIMIT}")
    return int(text)
