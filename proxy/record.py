"""The one mutable thing of a request: what the log will say about it. The engine fills it and hands it over once.

What the log keeps of it is made harmless here: no database may refuse a row for what a client or an upstream sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from providers.wire.messages import Usage

OPEN, LOST = "open", "lost"
"""Outcomes of requests without an end: one that runs, and one whose process died while it ran."""

MAX_SMALL, MAX_INT, MAX_BIG = 2**15 - 1, 2**31 - 1, 2**63 - 1
"""The largest numbers that the columns of every database hold."""

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class AttemptRecord:
    """One upstream call; times in milliseconds since the request began.

    `usage`: its own tokens, as far as they were told; None when it was told of none, and then it costs nothing.
    """

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
    drill: int | None = None
    """The drill that made it fail on purpose."""
    tokens_in: int | None = None
    tokens_out: int | None = None
    """Of an answer that a drill cut: what was paid for it, as far as it was told or can be counted."""
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    key: str = ""
    """Which of the provider's keys was used ("key 2 of 3"), never the key; empty where there is one at most."""


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
    cost_usd: Decimal | None = None
    stop_reason: str = ""
    error: str = ""
    first_content_ms: int | None = None
    duration_ms: int = 0
    body: bytes | None = None
    attempts: list[AttemptRecord] = field(default_factory=list)


def safe_text(text: str, limit: int) -> str:
    """Text that every database takes: no NUL, no lone surrogate, at most `limit` characters."""
    return _SURROGATE.sub("\ufffd", text[:limit]).replace("\0", "\u2400")


def cleaned(record: RequestRecord) -> RequestRecord:
    """A copy that every database takes. Raises TypeError or AttributeError when a field is not of its type at all."""
    usage = record.usage
    return replace(
        record,
        session_id=safe_text(record.session_id, 100),
        agent_id=safe_text(record.agent_id, 100),
        requested_model=safe_text(record.requested_model, 200),
        logical_model=safe_text(record.logical_model, 200),
        provider=safe_text(record.provider, 100),
        actual_model=safe_text(record.actual_model, 200),
        why=safe_text(record.why, 1000),
        status=_number(record.status, MAX_SMALL),
        usage=replace(
            usage,
            input=_number(usage.input, MAX_BIG),
            output=_number(usage.output, MAX_BIG),
            cache_read=_number(usage.cache_read, MAX_BIG),
            cache_write=_number(usage.cache_write, MAX_BIG),
        ),
        first_content_ms=_optional(record.first_content_ms, MAX_INT),
        duration_ms=_number(record.duration_ms, MAX_INT),
        stop_reason=safe_text(record.stop_reason, 40),
        error=safe_text(record.error, 1000),
        attempts=[_cleaned_attempt(attempt) for attempt in list(record.attempts)],
    )


def unfinished(record: RequestRecord) -> RequestRecord:
    """What is known of a request that still runs; the record itself goes on changing."""
    attempts = [replace(attempt, outcome=attempt.outcome or OPEN) for attempt in list(record.attempts)]
    last = attempts[-1] if attempts else AttemptRecord(0, "", "")
    return replace(
        record,
        outcome=OPEN,
        provider=record.provider or last.provider,
        actual_model=record.actual_model or last.actual_model,
        attempts=attempts,
    )


def without_body(record: RequestRecord, reason: str) -> RequestRecord:
    """The record as it is saved when the database refused the whole of it: no body, and the reason."""
    return replace(record, body=None, error=f"[the row was saved without its body: {reason}] {record.error}")


def bare(record: RequestRecord, reason: str) -> RequestRecord:
    """The least that can be said of a request whose record no database takes: its id, its end and the reason."""
    return RequestRecord(
        safe_text(str(record.request_id), 40),
        safe_text(str(record.inbound_format), 30),
        safe_text(str(record.operation), 20),
        outcome=safe_text(str(record.outcome), 20),
        error=f"[only this was saved of the row: {reason}]",
    )


def _cleaned_attempt(attempt: AttemptRecord) -> AttemptRecord:
    return replace(
        attempt,
        number=_number(attempt.number, MAX_SMALL),
        provider=safe_text(attempt.provider, 100),
        actual_model=safe_text(attempt.actual_model, 200),
        status=_number(attempt.status, MAX_SMALL),
        upstream_request_id=safe_text(attempt.upstream_request_id, 100),
        message=safe_text(attempt.message, 600),
        started_ms=_number(attempt.started_ms, MAX_INT),
        first_content_ms=_optional(attempt.first_content_ms, MAX_INT),
        duration_ms=_number(attempt.duration_ms, MAX_INT),
        drill=_optional(attempt.drill, MAX_BIG),
        tokens_in=_optional(attempt.tokens_in, MAX_BIG),
        tokens_out=_optional(attempt.tokens_out, MAX_BIG),
        usage=None,  # it has its price by now
        key=safe_text(attempt.key, 40),
    )


def _number(value: int, limit: int) -> int:
    return min(max(value, 0), limit)


def _optional(value: int | None, limit: int) -> int | None:
    return None if value is None else _number(value, limit)
