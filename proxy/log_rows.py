"""Log records to rows, in batches: one bad record never costs the others, and a record written twice is one row."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Sequence
from dataclasses import fields

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connection, transaction

from proxy import rollup
from proxy.models import AttemptLog, RequestLog
from proxy.record import AttemptRecord, RequestRecord, bare, cleaned, without_body

log = logging.getLogger("proxy.logbook")

REFUSALS = (DataError, IntegrityError, ValidationError, ValueError, TypeError, ArithmeticError, AttributeError)
"""What is wrong with a row; everything else is wrong with the database."""

_TOKENS = ("input", "output", "cache_read", "cache_write")
_SAME = tuple(
    field.name for field in fields(RequestRecord) if field.name not in ("usage", "attempts", "request_id", "time")
)
_MAY_CHANGE = ("time", *_SAME, "attempts", "instance", *(f"{kind}_tokens" for kind in _TOKENS))
_ATTEMPT = tuple(field.name for field in fields(AttemptRecord) if field.name != "usage")

_file: tuple[int, int] | None = None
"""The SQLite file that this thread's connection has open."""


def write(records: Sequence[RequestRecord], instance: uuid.UUID | None = None, *, known: bool = False) -> int:
    """Write a batch in one transaction, row by row if it is refused; returns how many rows were refused for good.

    `known`: some of them may have a row already, which is then replaced. `instance` is set for requests that
    still run. Raises django.db.Error when it is the database that fails, and then the same batch may be written again.
    """
    batch = list({record.request_id: record for record in records}.values())
    try:
        _write_all(batch, instance, known)
    except REFUSALS:
        return sum(_write_one(record, instance) for record in batch)
    return 0


def _write_one(record: RequestRecord, instance: uuid.UUID | None) -> int:
    """Write what the database takes of one record; 1 when that is nothing at all."""
    reason = ""
    for shorten in (None, without_body, bare):
        try:
            _write_all([shorten(record, reason) if shorten else record], instance, known=True)
        except REFUSALS as error:
            reason = type(error).__name__
        else:
            if reason:
                log.warning("the database refused a part of the log row of %s: %s", record.request_id, reason)
            return 0
    log.warning("the database refused the log row of %s: %s", record.request_id, reason)
    return 1


def _write_all(batch: Sequence[RequestRecord], instance: uuid.UUID | None, known: bool) -> None:
    records = [cleaned(record) for record in batch]
    made = [_request_row(record, instance) for record in records]
    tally = rollup.Tally()
    with transaction.atomic():
        rollup.take_turn(alone=known)
        if known:
            replaced = RequestLog.objects.filter(request_id__in=[record.request_id for record in records])
            tally.count(replaced.only(*rollup.READ), -1)
            rows = RequestLog.objects.bulk_create(
                made, update_conflicts=True, unique_fields=["request_id"], update_fields=_MAY_CHANGE
            )
            AttemptLog.objects.filter(request__in=[row.pk for row in rows]).delete()
        else:
            rows = RequestLog.objects.bulk_create(made)
        AttemptLog.objects.bulk_create(
            AttemptLog(request=row, **{name: getattr(attempt, name) for name in _ATTEMPT})
            for record, row in zip(records, rows, strict=True)
            for attempt in record.attempts
        )
        # Last: processes that write into the same hour wait for each other from here to the commit.
        tally.count(made)
        tally.save()


def _request_row(record: RequestRecord, instance: uuid.UUID | None) -> RequestLog:
    usage = record.usage
    tokens = {f"{kind}_tokens": getattr(usage, kind) for kind in _TOKENS}
    same = {name: getattr(record, name) for name in _SAME}
    return RequestLog(
        request_id=record.request_id, time=record.time, attempts=len(record.attempts), instance=instance,
        **tokens, **same,
    )  # fmt: skip


def notice_moved_file() -> None:
    """Forget a connection whose SQLite file was deleted or replaced: what is written through it would be gone."""
    global _file
    if connection.vendor != "sqlite":
        return
    try:
        found = os.stat(connection.settings_dict["NAME"])
        now = (found.st_dev, found.st_ino)
    except OSError:
        now = None
    if now != _file:
        connection.close()
        _file = now
