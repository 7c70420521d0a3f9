"""What Gemini's errors mean, with any status, inside a 200 and inside a stream.

Source: google.rpc (Status, RetryInfo, QuotaFailure, ErrorInfo) and the error pages of the Gemini API.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from providers.errors import RULES, Failure, FailureKind, kind_of_status, plain_words
from providers.outbound.error_bodies import NO_REASON, error_in, error_words
from providers.outbound.retry_after import retry_after_seconds
from providers.outbound.wordings import NO_NUMBERS, too_long_message

_BY_WORD = {
    "INVALID_ARGUMENT": FailureKind.REJECTED,
    "FAILED_PRECONDITION": FailureKind.REJECTED,
    "OUT_OF_RANGE": FailureKind.REJECTED,
    "UNAUTHENTICATED": FailureKind.REFUSED_KEY,
    "PERMISSION_DENIED": FailureKind.REFUSED_KEY,
    "NOT_FOUND": FailureKind.NO_SUCH_MODEL,
    "RESOURCE_EXHAUSTED": FailureKind.RATE_LIMITED,
    "DEADLINE_EXCEEDED": FailureKind.TIMED_OUT,
    "UNAVAILABLE": FailureKind.OVERLOADED,
    "INTERNAL": FailureKind.OVERLOADED,
    "UNKNOWN": FailureKind.OVERLOADED,
    "ABORTED": FailureKind.OVERLOADED,
    "CANCELLED": FailureKind.OVERLOADED,
}
_COARSE = (None, FailureKind.REJECTED, FailureKind.OVERLOADED)
"""What a status says that the word of the error says better."""

_BAD_KEY = re.compile(r"API[ _]key (?:not valid|not found|expired|is invalid)|API_KEY_INVALID", re.IGNORECASE)
_BAD_ACCOUNT = re.compile(r"location is not supported|enable billing|billing (?:account|to be enabled)", re.IGNORECASE)
_USED_UP = re.compile(r"PerDay|QUOTA_EXHAUSTED|CREDITS_BALANCE|limit: 0\b|credits are depleted", re.IGNORECASE)
_NO_CAPACITY = re.compile(r"MODEL_CAPACITY_EXHAUSTED|no capacity available for model", re.IGNORECASE)
"""The 429 of a model that is busy for everybody."""
_RESET = re.compile(r"quota will reset after ((?:\d+(?:\.\d+)?(?:ms|[smhd]))+)", re.IGNORECASE)
_SIGNATURE = re.compile(r"thought[ _]?signature", re.IGNORECASE)
_PAYLOAD = re.compile(r"request payload size exceeds", re.IGNORECASE)


def status_failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an answer other than 2xx means. `headers` has lower-case names."""
    return error_failure(error_in(body), status, retry_after_seconds(headers, status))


def error_failure(error: Any, status: int, retry_after_s: float | None = None) -> Failure:
    """What an `error` object (or text) means; `status` is the HTTP status it came with.

    The wait is the one RetryInfo names, else `retry_after_s`, in seconds.
    """
    fields: dict[str, Any] = error if isinstance(error, dict) else {"message": error}
    details = fields.get("details")
    details = [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    message = error_words(fields)
    kind = _refined(_kind(fields, status), message, details)
    wait = _retry_delay(details, message) or retry_after_s
    if kind is FailureKind.QUOTA and wait is not None and wait < RULES[kind].cool_s:
        wait = None  # said of the minute's limit: the day's is not back by then
    if kind is FailureKind.INCAPABLE:
        # The words Claude Code acts on: it sends the turn again without thinking blocks.
        return Failure(kind, "capability_rejected: thinking_signature", status, wait, "invalid_request_error")
    if kind in (FailureKind.REJECTED, FailureKind.TOO_LONG, FailureKind.OVERLOADED, FailureKind.GARBLED):
        rewritten = NO_NUMBERS if _PAYLOAD.search(message) else too_long_message(message)
        if rewritten is not None or kind is FailureKind.TOO_LONG:
            return Failure(FailureKind.TOO_LONG, rewritten or NO_NUMBERS, status, wait, "invalid_request_error")
    return Failure(kind, plain_words(message) or NO_REASON, status, wait)


def _kind(fields: Mapping[str, Any], status: int) -> FailureKind:
    told = kind_of_status(status)
    word, code = fields.get("status"), fields.get("code")
    if told in _COARSE and isinstance(word, str) and word in _BY_WORD:
        return _BY_WORD[word]
    if told is None and isinstance(code, int):
        told = kind_of_status(code)
    return told or FailureKind.GARBLED


def _refined(kind: FailureKind, message: str, details: list[dict[str, Any]]) -> FailureKind:
    """The kind, when the words or the details say more than status and word do."""
    if kind is FailureKind.REJECTED:
        if _BAD_KEY.search(message) or _BAD_ACCOUNT.search(message) or _said(_BAD_KEY, details):
            return FailureKind.REFUSED_KEY
        if _SIGNATURE.search(message):
            return FailureKind.INCAPABLE
    if kind is FailureKind.RATE_LIMITED and (_NO_CAPACITY.search(message) or _said(_NO_CAPACITY, details)):
        return FailureKind.OVERLOADED
    if kind is FailureKind.RATE_LIMITED and (_USED_UP.search(message) or _said(_USED_UP, details)):
        return FailureKind.QUOTA
    return kind


def _said(pattern: re.Pattern[str], details: list[dict[str, Any]]) -> bool:
    return any(pattern.search(word) for detail in details for word in _words(detail))


def _words(detail: dict[str, Any]) -> Iterator[str]:
    """What names the limit: the ids of violated quotas, an ErrorInfo's reason and metadata."""
    violations = detail.get("violations")
    holders = [detail, detail.get("metadata"), *(violations if isinstance(violations, list) else ())]
    for holder in holders:
        for key in ("reason", "quotaId", "quota_limit"):
            if isinstance(holder, dict) and isinstance(holder.get(key), str):
                yield holder[key]


def _retry_delay(details: list[dict[str, Any]], message: str) -> float | None:
    """Seconds of RetryInfo's `retryDelay`, else of Code Assist's `quotaResetDelay`, else of its words."""
    metadata = (detail.get("metadata") for detail in details)
    resets = [holder.get("quotaResetDelay") for holder in metadata if isinstance(holder, dict)]
    told = _RESET.search(message)
    for delay in [*(detail.get("retryDelay") for detail in details), *resets, told and told[1]]:
        if isinstance(delay, str):
            # Google writes a duration ("34.07s") as OpenAI does in this header.
            seconds = retry_after_seconds({"x-ratelimit-reset-requests": delay})
            if seconds is not None:
                return seconds
    return None
