"""Who asks, for an upstream that wants to know: a stable hash of the user, and the session its cache is kept under."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from providers.wire.messages import MessagesRequest
from providers.wire.spans import MalformedJson, loads

MAX_KEY = 64
SESSION_HEADER = "x-claude-code-session-id"

_OLD_STYLE = re.compile(r"(.*)_session_([0-9a-fA-F-]{8,})", re.DOTALL)
"""How older clients wrote `metadata.user_id`: the user, then the session."""


def safety_identifier(messages: MessagesRequest) -> str | None:
    """32 hex digits that stay the same for one user over all sessions; None when the client names no user."""
    user = _user_id(messages)
    if not user:
        return None
    found = _OLD_STYLE.fullmatch(user)
    named = _named(user, "device_id") or (found[1] if found else "") or user
    return _hash(named)


def cache_key(messages: MessagesRequest) -> str | None:
    """The session id, at most 64 characters; None when the client names no session."""
    user = _user_id(messages)
    found = _OLD_STYLE.fullmatch(user)
    session = _named(user, "session_id") or (found[2] if found else "") or messages.headers.get(SESSION_HEADER, "")
    if not session:
        return None
    return session if len(session) <= MAX_KEY else _hash(session)


def _user_id(messages: MessagesRequest) -> str:
    metadata = messages.parsed.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    return user if isinstance(user, str) else ""


def _named(user: str, key: str) -> str:
    try:
        inner: Any = loads(user.encode("utf-8", "replace")) if user.startswith("{") else None
    except MalformedJson:
        return ""
    named = inner.get(key) if isinstance(inner, dict) else None
    return named if isinstance(named, str) else ""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
