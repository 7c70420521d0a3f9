"""What Chat's errors mean, with any status, inside a 200 and inside a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.errors import Failure, FailureKind, kind_of_status, plain_words
from providers.outbound.error_bodies import NO_REASON, error_in, error_words
from providers.outbound.retry_after import retry_after_seconds
from providers.outbound.wordings import too_long_message

_QUOTA_CODES = {"insufficient_quota", "billing_hard_limit_reached", "quota_exceeded", "insufficient_balance"}
_BY_CODE = {
    "rate_limit_exceeded": FailureKind.RATE_LIMITED,
    "rate_limit_error": FailureKind.RATE_LIMITED,
    "invalid_api_key": FailureKind.REFUSED_KEY,
    "authentication_error": FailureKind.REFUSED_KEY,
    "model_not_found": FailureKind.NO_SUCH_MODEL,
    "invalid_request_error": FailureKind.REJECTED,
    "invalid_prompt": FailureKind.REJECTED,
    "server_error": FailureKind.OVERLOADED,
    "overloaded": FailureKind.OVERLOADED,
    "overloaded_error": FailureKind.OVERLOADED,
    "service_unavailable": FailureKind.OVERLOADED,
}


def status_failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an answer other than 2xx means. `headers` has lower-case names."""
    return error_failure(error_in(body), status, retry_after_seconds(headers, status))


def error_failure(error: Any, status: int, retry_after_s: float | None = None) -> Failure:
    """What an `error` object (or text) means; `status` is the HTTP status it came with."""
    fields = error if isinstance(error, dict) else {"message": error}
    message = error_words(fields, "msg")
    codes = [str(fields.get(key) or "").lower() for key in ("code", "type")]
    kind = _kind(status, codes)
    if kind in (FailureKind.RATE_LIMITED, FailureKind.REFUSED_KEY) and _QUOTA_CODES & set(codes):
        kind = FailureKind.QUOTA
    if kind in (FailureKind.REJECTED, FailureKind.TOO_LONG, FailureKind.OVERLOADED, FailureKind.GARBLED):
        probe = f"{message} context_length_exceeded" if "context_length_exceeded" in codes else message
        rewritten = too_long_message(probe)
        if rewritten is None and kind is FailureKind.TOO_LONG:
            rewritten = too_long_message("context length")
        if rewritten is not None:
            return Failure(FailureKind.TOO_LONG, rewritten, status, retry_after_s, "invalid_request_error")
    return Failure(kind, plain_words(message) or NO_REASON, status, retry_after_s)


def _kind(status: int, codes: list[str]) -> FailureKind:
    told = kind_of_status(status)
    if told is not None:
        return told
    for code in codes:
        if code in _BY_CODE:
            return _BY_CODE[code]
        if code in _QUOTA_CODES:
            return FailureKind.QUOTA
        if code.isdecimal() and len(code) == 3 and int(code) >= 400:
            return _kind(int(code), [])
    return FailureKind.GARBLED
