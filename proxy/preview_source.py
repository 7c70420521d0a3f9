"""A request of the history as a question for the preview: its captured body, else the little its row tells."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from providers.wire.spans import MalformedJson, dumps, scan_object
from proxy.errors import ApiError
from proxy.inbound.anthropic_messages import ANTHROPIC
from proxy.inbound.dialects import in_messages
from proxy.models import RequestLog
from proxy.preview import COUNT, Question

STAND_IN = "(the text of this request was not kept)"


@dataclass(frozen=True, slots=True)
class Recalled:
    """What can be asked of an earlier request, and what of it is missing, in sentences."""

    question: Question
    missing: tuple[str, ...]


def recalled(row: RequestLog, may_read_bodies: bool) -> Recalled:
    """The question a row of the history makes; its body only for who may read bodies."""
    missing = ["Of the headers only the session and the agent are kept."]
    body = _body(row, may_read_bodies, missing)
    if row.route == "subagent":
        missing.append("Its subagent tag, which decided the route, was taken out before the body was kept.")
    named = {"x-claude-code-session-id": row.session_id, "x-claude-code-agent-id": row.agent_id}
    dialect = COUNT if row.operation == "count_tokens" else "anthropic_messages"
    return Recalled(Question(body, dialect, {name: value for name, value in named.items() if value}), tuple(missing))


def _body(row: RequestLog, may_read_bodies: bool, missing: list[str]) -> bytes:
    if row.body and may_read_bodies:
        try:
            body = zlib.decompress(bytes(row.body))
            scan_object(body)
            if row.inbound_format != ANTHROPIC.name:
                body = in_messages(body, row.inbound_format).body
                missing.append("Its body is shown as Messages, whatever the client wrote.")
        except (zlib.error, MalformedJson, ApiError):
            missing.append("Its body was captured, but not to its end: this is a stand-in with the known fields.")
        else:
            return body
    elif row.body:
        missing.append("Its body was captured, but you may not read bodies: this is a stand-in with the known fields.")
    else:
        missing.append("Its body was not captured: this is a stand-in with the known fields.")
    known = {"model": row.requested_model, "max_tokens": 1024, "stream": row.stream}
    return dumps({**known, "messages": [{"role": "user", "content": STAND_IN}]})
