"""Where GenerateContent is spoken, and in what wrapping: AI Studio, Vertex AI and Code Assist.

Source: the REST references of the Gemini API and of Vertex AI; for Code Assist, Google's own open command-line client.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal
from urllib.parse import quote
from uuid import UUID

from providers.outbound.call_headers import call_headers
from providers.outbound.vertex import published, versioned, vertex_models
from providers.targets import Target, UpstreamRequest
from providers.wire.messages import MessagesRequest
from providers.wire.spans import dumps

Verb = Literal["generate", "stream", "count"]

_METHODS: dict[Verb, str] = {
    "generate": ":generateContent",
    "stream": ":streamGenerateContent?alt=sse",  # without it the stream is one JSON array
    "count": ":countTokens",
}
_COUNTED = ("contents", "systemInstruction", "tools")


def call(messages: MessagesRequest, target: Target, body: dict[str, Any], verb: Verb) -> UpstreamRequest:
    """The HTTP call that sends a GenerateContent `body` to the target.

    Raises UpstreamFailure (incapable) when the provider lacks a setting that its address needs.
    """
    if verb == "count":
        body = {key: body[key] for key in _COUNTED if key in body}
    if target.preset.addressing == "code_assist":
        url, sent = versioned(target.base_url, "v1internal"), _code_assist(messages, target, body, verb)
    elif target.preset.addressing == "vertex":
        # The counter takes the same members, unwrapped.
        publisher, name = published(target.actual_model, "google")
        url, sent = f"{vertex_models(target, publisher, 'v1beta1')}/{_in_path(name)}", body
    else:
        url, sent = f"{versioned(target.base_url, 'v1beta')}/models/{_in_path(_model(target))}", body
        if verb == "count":
            sent = {"generateContentRequest": {"model": f"models/{_model(target)}", **body}}
    return UpstreamRequest("POST", url + _METHODS[verb], call_headers(target, verb == "stream"), dumps(sent))


def _model(target: Target) -> str:
    return target.actual_model.removeprefix("models/")


def _in_path(name: str) -> str:
    return quote(name, safe="", errors="replace")


def _code_assist(messages: MessagesRequest, target: Target, body: dict[str, Any], verb: Verb) -> dict[str, Any]:
    if verb == "count":
        return {"request": {"model": f"models/{_model(target)}", "contents": body.get("contents", [])}}
    project = {"project": target.project} if target.project else {}
    return {
        "model": _model(target),
        **project,
        "user_prompt_id": _opaque(messages.body),
        "request": {**body, "session_id": _opaque(_conversation(messages))},
    }


def _conversation(messages: MessagesRequest) -> bytes:
    """What stays the same over all requests of a conversation: the client's word for it, else its first turn."""
    metadata = messages.parsed.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    turns = messages.parsed.get("messages")
    return dumps(user if isinstance(user, str) and user else turns[:1] if isinstance(turns, list) else None)


def _opaque(seed: bytes) -> str:
    """An id that is the same for the same seed and tells nothing of it."""
    return str(UUID(bytes=hashlib.sha256(seed).digest()[:16], version=5))
