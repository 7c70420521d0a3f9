"""What the errors of Responses mean, with any status, inside a 200 and inside a stream; the Codex backend's too."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from providers.errors import Failure, FailureKind, kind_of_status, plain_words
from providers.outbound.error_bodies import NO_REASON, error_in, error_words
from providers.outbound.retry_after import MAX_S, MIN_S, retry_after_seconds
from providers.outbound.wordings import too_long_message

_QUOTA_CODES = {
    "insufficient_quota", "billing_hard_limit_reached", "quota_exceeded", "usage_limit_reached", "usage_not_included",
    "deactivated_workspace",
}  # fmt: skip
_NO_MODEL_CODES = {"model_not_found", "unsupported_model"}
_NO_MODEL = re.compile(r"\bmodel\b[^,:;]{0,80}\b(?:is not supported|does not exist|not found)", re.IGNORECASE)
_TOO_LONG_CODES = {"context_length_exceeded", "context_window_exceeded"}
_BY_CODE = {
    "rate_limit_exceeded": FailureKind.RATE_LIMITED,
    "rate_limit_error": FailureKind.RATE_LIMITED,
    "too_many_requests": FailureKind.RATE_LIMITED,
    "invalid_api_key": FailureKind.REFUSED_KEY,
    "token_expired": FailureKind.REFUSED_KEY,
    "token_invalidated": FailureKind.REFUSED_KEY,
    "authentication_error": FailureKind.REFUSED_KEY,
    "vector_store_timeout": FailureKind.TIMED_OUT,
    "server_error": FailureKind.OVERLOADED,
    "internal_server_error": FailureKind.OVERLOADED,
    "server_is_overloaded": FailureKind.OVERLOADED,
    "slow_down": FailureKind.OVERLOADED,
    "overloaded_error": FailureKind.OVERLOADED,
    "service_unavailable": FailureKind.OVERLOADED,
}
_FAULT_OF_REQUEST = re.compile(r"invalid_|unsupported_|image_|empty_image|failed_to_download_image|\w+_policy")
_BLOB = re.compile(r"encrypted[ _]content|item 'rs_|'rs_[^']*' of type 'reasoning'|item with id 'rs_", re.IGNORECASE)
"""What is said of reasoning that came back and is not taken: not decrypted, without what it led to, not stored."""
_WAIT = re.compile(r"try again in (\d+(?:\.\d+)?) ?(ms|s\b|seconds?)", re.IGNORECASE)


def status_failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an answer other than 2xx means. `headers` has lower-case names."""
    return _failure(error_in(body), status, headers)


def error_failure(error: Any, status: int) -> Failure:
    """What an `error` object (or text) means; `status` is the HTTP status it came with."""
    return _failure(error, status, {})


def _failure(error: Any, status: int, headers: Mapping[str, str]) -> Failure:
    fields = error if isinstance(error, dict) else {"message": error}
    message = error_words(fields, "msg")
    codes = [str(fields.get(key) or "").lower() for key in ("code", "type")]
    kind = _kind(status, codes, message)
    wait = _wait(fields, headers, message, status)
    if kind in (FailureKind.REJECTED, FailureKind.TOO_LONG, FailureKind.OVERLOADED, FailureKind.GARBLED):
        told = kind is FailureKind.TOO_LONG or _TOO_LONG_CODES & set(codes)
        rewritten = too_long_message(f"{message} context_length_exceeded" if told else message)
        if rewritten is not None:
            return Failure(FailureKind.TOO_LONG, rewritten, status, wait, "invalid_request_error")
    of_request = kind in (FailureKind.REJECTED, FailureKind.NO_SUCH_MODEL)
    if of_request and ("invalid_encrypted_content" in codes or _BLOB.search(message[:2000])):
        # The words Claude Code acts on: it sends the turn again without thinking blocks.
        words = "capability_rejected: thinking_signature"
        return Failure(FailureKind.INCAPABLE, words, status, wait, "invalid_request_error")
    # A rejection is told with the upstream's status: inside a 200 that is the one it would have had.
    own = 400 if kind is FailureKind.REJECTED and status < 400 else status
    return Failure(kind, plain_words(message) or NO_REASON, own, wait)


def _kind(status: int, codes: list[str], message: str) -> FailureKind:
    told = kind_of_status(status)
    by_code = next((_BY_CODE[code] for code in codes if code in _BY_CODE), None)
    if _QUOTA_CODES & set(codes) and told in (None, FailureKind.RATE_LIMITED, FailureKind.REFUSED_KEY):
        return FailureKind.QUOTA
    if told in (None, FailureKind.REJECTED) and (_NO_MODEL_CODES & set(codes) or _NO_MODEL.search(message)):
        return FailureKind.NO_SUCH_MODEL
    if told is not None:
        return told
    numbers = [int(code) for code in codes if code.isdecimal() and len(code) == 3]
    by_number = next((kind for kind in map(kind_of_status, numbers) if kind is not None), None)
    if by_code is not None or by_number is not None:
        return by_code or by_number or FailureKind.GARBLED
    return FailureKind.REJECTED if any(map(_FAULT_OF_REQUEST.match, codes)) else FailureKind.GARBLED


def _wait(fields: Mapping[str, Any], headers: Mapping[str, str], message: str, status: int) -> float | None:
    """Seconds to wait: what the error says itself, else the headers, else the words; clamped to 1 s … 1 h."""
    seconds = _number(fields.get("resets_in_seconds"))
    until = _number(fields.get("resets_at"))
    if seconds is None and until is not None:
        seconds = _since_answer(until, headers.get("date"))
    if seconds is None:
        seconds = retry_after_seconds(headers, status)
    found = _WAIT.search(message[:2000])
    if seconds is None and found:
        seconds = float(found[1]) / (1000 if found[2].lower() == "ms" else 1)
    return None if seconds is None else min(max(seconds, MIN_S), MAX_S)


def _since_answer(until: float, now: str | None) -> float | None:
    """From the answer's own Date to a Unix time: clocks differ."""
    try:
        return until - parsedate_to_datetime(now or "").timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
