"""The one mutable thing of a request: what the log will say about it. The engine fills it and hands it over once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from providers.wire.messages import Usage


@dataclass(slots=True)
class AttemptRecord:
    """One upstream call; times in milliseconds since the request began."""

    number: int
    provider: str
    actual_model: str
    outcome: str = ""
    status: int = 0
    upstream_request_id: str = ""
    message: str = ""
    started_ms: int = 0
    first_content_ms: int | None = None
    duration_ms: int = 0


@dataclass(slots=True)
class RequestRecord:
    """One request. `outcome` stays empty until it is known."""

    request_id: str
    inbound_format: str
    operation: str
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    session_id: str = ""
    agent_id: str = ""
    client_key: str = ""
    requested_model: str = ""
    logical_model: str = ""
    provider: str = ""
    actual_model: str = ""
    route: str = ""
    why: str = ""
    stream: bool = False
    status: int = 0
    outcome: str = ""
    usage: Usage = Usage()
    stop_reason: str = ""
    error: str = ""
    first_content_ms: int | None = None
    duration_ms: int = 0
    body: bytes | None = None
    attempts: list[AttemptRecord] = field(default_factory=list)
