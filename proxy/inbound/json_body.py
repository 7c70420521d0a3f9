"""The first look at a request body, the same in every dialect: is it JSON, for which model, streamed or not."""

from __future__ import annotations

from providers.wire.spans import MalformedJson, decode_string, scan_object, utf8_fault
from proxy.errors import ApiError, bad_request

MAX_BRACKETS = 500_000
"""More arrays and objects than any conversation has; parsing them would cost memory by the hundred megabytes."""


def read_members(body: bytes) -> dict[str, bytes]:
    """The top-level members, each still JSON text. Raises ApiError (400, 413)."""
    if not body.strip():
        raise bad_request("the request body is empty; send a JSON object")
    if len(body) > MAX_BRACKETS and body.count(b"[") + body.count(b"{") > MAX_BRACKETS:
        raise ApiError(413, "request_too_large", f"the body holds more than {MAX_BRACKETS} arrays and objects")
    if (fault := utf8_fault(body)) is not None:
        raise bad_request(f"the request body is not UTF-8 (byte {fault})")
    try:
        return scan_object(body)
    except MalformedJson as error:
        raise bad_request(f"{error}") from error


def model_of(members: dict[str, bytes]) -> str:
    """The model asked for. Raises ApiError (400) when there is none."""
    model = decode_string(members.get("model", b""))
    if not model or not model.strip():
        raise bad_request("model: a non-empty string is required")
    return model


def is_streamed(members: dict[str, bytes]) -> bool:
    """Whether a stream is asked for. Raises ApiError (400) when `stream` is neither true nor false."""
    stream = members.get("stream", b"false")
    if stream not in (b"true", b"false", b"null"):
        raise bad_request("stream: must be true or false")
    return stream == b"true"
