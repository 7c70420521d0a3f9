"""The `response` object that carries an answer, and in it the settings the client asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.wire.messages import MessagesRequest
from providers.wire.spans import MalformedJson, loads

_SETTINGS: dict[str, tuple[tuple[type, ...], Any]] = {
    "instructions": ((str,), None),
    "max_output_tokens": ((int,), None),
    "max_tool_calls": ((int,), None),
    "metadata": ((dict,), {}),
    "parallel_tool_calls": ((bool,), True),
    "prompt_cache_key": ((str,), None),
    "reasoning": ((dict,), {"effort": None, "summary": None}),
    "safety_identifier": ((str,), None),
    "service_tier": ((str,), "default"),
    "temperature": ((int, float), 1.0),
    "text": ((dict,), {"format": {"type": "text"}}),
    "tool_choice": ((str, dict), "auto"),
    "tools": ((list,), []),
    "top_p": ((int, float), 1.0),
    "truncation": ((str,), "disabled"),
    "user": ((str,), None),
}
"""What of the request is told again: the types it may have, and what holds when the client says nothing."""


class Envelope:
    """Everything about the response but how far it has come. `created` is in seconds since 1970."""

    def __init__(self, request: MessagesRequest, created: int) -> None:
        members = request.source.members if request.source else {}
        self.id = "resp_ccm"
        """The response's id."""
        self.number = "ccm"
        """What the ids of its items begin with, after what tells their kind."""
        self._model = request.model
        self._created = created
        self._settings = {key: _told(members, key, *known) for key, known in _SETTINGS.items()}

    def named(self, message_id: Any) -> None:
        """The message's id is known."""
        named = message_id.removeprefix("msg_") if isinstance(message_id, str) else ""
        self.number = named or "ccm"
        self.id = f"resp_{self.number}"

    def response(self, status: str, output: list[dict[str, Any]], **told: Any) -> dict[str, Any]:
        """The object; `told` are the members that depend on how it ended."""
        return {
            "id": self.id, "object": "response", "created_at": self._created,
            "status": status, "background": False, "error": None, "incomplete_details": None,
            "model": self._model, "output": output, "previous_response_id": None, "store": False,
            **self._settings, "usage": None, **told,
        }  # fmt: skip


def said(members: Mapping[str, bytes], key: str) -> Any:
    """A member of the client's own body; None when it is absent."""
    try:
        return loads(members[key]) if key in members else None
    except MalformedJson:
        return None


def _told(members: Mapping[str, bytes], key: str, types: tuple[type, ...], default: Any) -> Any:
    value = said(members, key)
    fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
    return value if fits else default
