"""The history as a file: the rows of the list, piece by piece, so that a million of them need no memory."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.db import close_old_connections
from django.db.models import Q, QuerySet

from proxy.models import AttemptLog, RequestLog

MAX_ROWS = 1_000_000
CHUNK, CHUNK_WITH_BODIES = 1000, 20
"""Rows of one query: between two queries nothing is held open. A captured text can have megabytes."""
COLUMNS = (
    "time", "request_id", "session_id", "agent_id", "client_key", "inbound_format", "operation", "requested_model",
    "logical_model", "provider", "actual_model", "route", "why", "stream", "status", "outcome", "attempts",
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_usd", "first_content_ms",
    "duration_ms", "stop_reason", "error",
)  # fmt: skip
ATTEMPT_COLUMNS = (
    "number", "provider", "actual_model", "key", "outcome", "status", "started_ms", "first_content_ms",
    "duration_ms", "message", "upstream_request_id",
)  # fmt: skip
Rows = QuerySet[RequestLog]
Row = dict[str, Any]


def as_csv(rows: Rows) -> Iterator[bytes]:
    """A line of names and a line for each row, newest first. No cell is a formula to a spreadsheet."""
    yield _lines([COLUMNS])
    for chunk in chunks(rows):
        yield _lines([_cell(row[name]) for name in COLUMNS] for row in chunk)


def as_jsonl(rows: Rows, *, bodies: bool = False) -> Iterator[bytes]:
    """A JSON object for each row, newest first, its attempts inside; with `bodies` the captured text too."""
    for chunk in chunks(rows, bodies=bodies):
        attempts: dict[int, list[dict[str, Any]]] = {row["pk"]: [] for row in chunk}
        for entry in AttemptLog.objects.filter(request__in=list(attempts)).order_by("request", "number"):
            attempts[entry.request_id].append({name: _plain(getattr(entry, name)) for name in ATTEMPT_COLUMNS})
        yield b"".join(_json_line(row, attempts[row["pk"]], bodies) for row in chunk)


def chunks(rows: Rows, *, bodies: bool = False) -> Iterator[Sequence[Row]]:
    """The rows, newest first, in short queries that each go on after the last row seen; MAX_ROWS at most.

    What is written meanwhile is newer than where it began, and is left out.
    """
    wanted = ("pk", *COLUMNS, *(("body",) if bodies else ()))
    rows = rows.order_by("-time", "-id")
    left, size = MAX_ROWS, CHUNK_WITH_BODIES if bodies else CHUNK
    after: Row | None = None
    while left > 0:
        following = rows
        if after is not None:
            # "At most" first: that is what an index can begin at.
            following = rows.filter(time__lte=after["time"]).filter(Q(time__lt=after["time"]) | Q(pk__lt=after["pk"]))
        found = list(following.values(*wanted)[: min(size, left)])
        if not found:
            return
        yield found
        left, after = left - len(found), found[-1]


async def streamed(pieces: Iterator[bytes], ended: Callable[[int], None]) -> AsyncIterator[bytes]:
    """The pieces for a response: each is made in a thread, and no connection is kept longer than its settings say.

    `ended` is told how many bytes went out, however it ended.
    """
    sent = 0
    try:
        while piece := await sync_to_async(_next)(pieces):
            sent += len(piece)
            yield piece
    finally:
        ended(sent)


def safe_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe before what could begin one (ASVS 1.2.10).

    Full-width signs count, and so do signs behind blanks and invisible characters.
    """
    if text[:1] in ("\t", "\r", "\n", "\0"):
        return "'" + text
    for character in text:
        if unicodedata.category(character)[0] in "ZC":
            continue
        return "'" + text if unicodedata.normalize("NFKC", character)[:1] in ("=", "+", "-", "@") else text
    return text


def body_text(body: bytes | memoryview | None) -> str | None:
    """The captured text of a row; None when there is none. Raises zlib.error for one that is damaged."""
    return zlib.decompress(bytes(body)).decode("utf-8", "replace") if body else None


def _next(pieces: Iterator[bytes]) -> bytes:
    close_old_connections()
    return next(pieces, b"")


def _lines(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    value = _plain(value)
    return safe_cell(value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    """A column's value as JSON and CSV know it: moments in ISO 8601, money as digits."""
    if value is None or isinstance(value, (str, int)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else format(value, "f")


def _json_line(row: Row, attempts: list[dict[str, Any]], bodies: bool) -> bytes:
    told = {name: _plain(row[name]) for name in COLUMNS} | {"attempt_rows": attempts}
    if bodies:
        try:
            told["body"] = body_text(row["body"])
        except zlib.error:
            told["body"] = None
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
