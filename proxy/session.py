"""Whose conversation a request belongs to: Claude Code's session header, else `metadata.user_id`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from providers.wire.messages import MessagesRequest
from providers.wire.spans import MalformedJson, loads

_OLD_STYLE = re.compile(r"_session_([0-9a-fA-F-]{8,})$")


def session_of(request: MessagesRequest, headers: Mapping[str, str]) -> tuple[str, str]:
    """Session id and agent id, each "" when the client names none; at most 100 characters."""
    session = headers.get("x-claude-code-session-id", "") or _from_metadata(request)
    return session[:100], headers.get("x-claude-code-agent-id", "")[:100]


def affinity_of(request: MessagesRequest, headers: Mapping[str, str]) -> str:
    """What keeps requests at one target: the session, else the whole `metadata.user_id`; "" for neither."""
    session = session_of(request, headers)[0]
    if session:
        return session
    try:
        metadata = request.value("metadata")
    except MalformedJson:
        return ""
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    return user if isinstance(user, str) else ""


def _from_metadata(request: MessagesRequest) -> str:
    try:
        metadata = request.value("metadata")
        user = metadata.get("user_id") if isinstance(metadata, dict) else None
        if not isinstance(user, str):
            return ""
        if user.startswith("{"):
            inner = loads(user.encode("utf-8", "replace"))
            named = inner.get("session_id") if isinstance(inner, dict) else None
            return named if isinstance(named, str) else ""
    except MalformedJson:
        return ""
    found = _OLD_STYLE.search(user)
    return found[1] if found else ""
