"""What a client is told when something is wrong: status, type, words, headers. Rendered by its inbound format."""

from __future__ import annotations

from collections.abc import Mapping

from providers.errors import Failure, FailureKind


class ApiError(Exception):
    """An error answer in no dialect yet: HTTP status, Anthropic's error type, and a message that names the fix."""

    def __init__(self, status: int, type_: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.type = type_
        self.message = message
        self.headers: Mapping[str, str] = headers or {}


def server_ends() -> ApiError:
    """A 503 for who comes while the server ends, or is not done when it has: another one may answer soon."""
    return ApiError(503, "api_error", "the server is ending; send this again", {"retry-after": "2"})


def bad_request(message: str) -> ApiError:
    """400: the request is at fault."""
    return ApiError(400, "invalid_request_error", message)


def from_failure(failure: Failure) -> ApiError:
    """What the client sees when `failure` is the verdict of the whole request."""
    rule = failure.rule
    # An error told inside a 200 has no status of its own.
    status = rule.status or (failure.status if failure.status >= 400 else 400)
    type_ = rule.type if rule.status else failure.error_type or rule.type
    headers: dict[str, str] = {}
    if failure.kind in (FailureKind.RATE_LIMITED, FailureKind.QUOTA, FailureKind.OVERLOADED, FailureKind.BUSY):
        wait = failure.retry_after_s
        if wait is None and failure.kind is FailureKind.RATE_LIMITED:
            wait = rule.cool_s
        if wait is not None:
            headers["retry-after"] = str(max(1, int(-(-wait // 1))))
    if not rule.client_may_retry:
        headers["x-should-retry"] = "false"
    return ApiError(status, type_, failure.message, headers)
