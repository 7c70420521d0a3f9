"""Errors as OpenAI's clients know them: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

from providers.outbound.wordings import NO_NUMBERS, too_long_message
from providers.wire.spans import dumps
from proxy.errors import ApiError

_TYPES = {
    "authentication_error": "authentication_error",
    "permission_error": "permission_error",
    "not_found_error": "not_found_error",
    "rate_limit_error": "rate_limit_error",
    "billing_error": "rate_limit_error",
    "api_error": "server_error",
    "overloaded_error": "server_error",
    "timeout_error": "server_error",
}
_CODES = {
    "authentication_error": "invalid_api_key",
    "rate_limit_error": "rate_limit_exceeded",
    "billing_error": "insufficient_quota",
    "overloaded_error": "overloaded",
    "timeout_error": "timeout",
    "request_too_large": "request_too_large",
}


def error_body(error: ApiError, prompt: str = "messages") -> bytes:
    """The envelope; `prompt`: the member that holds the conversation. The request's id is in its header alone."""
    return dumps({"error": error_fields(error, prompt)})


def error_fields(error: ApiError, prompt: str) -> dict[str, str | None]:
    """What the envelope holds."""
    type_ = _TYPES.get(error.type) or ("invalid_request_error" if error.status < 500 else "server_error")
    param, code = _told(error, prompt)
    return {"message": error.message, "type": type_, "param": param, "code": code}


def _told(error: ApiError, prompt: str) -> tuple[str | None, str | None]:
    """What is at fault, and the code that programs look for."""
    if error.status == 400 and (error.message == NO_NUMBERS or too_long_message(error.message) is not None):
        return prompt, "context_length_exceeded"
    if error.type == "not_found_error" and "model" in error.message.lower():
        return "model", "model_not_found"
    if error.type == "rate_limit_error" and error.headers.get("x-should-retry") == "false":
        return None, "insufficient_quota"
    return None, _CODES.get(error.type)
