"""Anthropic Messages as an outbound format: the native path.

The client's bytes go out untouched but for the model, the upstream's come back untouched
but for the model; the events are read only as far as the log and the commit point need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from providers.errors import Failure, FailureKind, UpstreamFailure, kind_of_status, plain_words
from providers.outbound.answers import counted_number
from providers.outbound.error_bodies import NO_REASON
from providers.outbound.listing import list_request, listed_names
from providers.outbound.retry_after import retry_after_seconds
from providers.outbound.vertex import published, vertex_models
from providers.outbound.wordings import NO_NUMBERS, too_long_message
from providers.targets import Target, UpstreamRequest
from providers.wire.messages import MessagesEvent, MessagesReply, MessagesRequest, Usage
from providers.wire.spans import (
    MalformedJson,
    decode_string,
    dumps,
    join_object,
    loads,
    replace_member,
    scan_object,
    with_member,
)
from providers.wire.sse import ServerSentEvent

DEFAULT_VERSION = "2023-06-01"
VERTEX_VERSION = "vertex-2023-10-16"

_BY_TYPE = {
    "overloaded_error": FailureKind.OVERLOADED,
    "api_error": FailureKind.OVERLOADED,
    "rate_limit_error": FailureKind.RATE_LIMITED,
    "authentication_error": FailureKind.REFUSED_KEY,
    "permission_error": FailureKind.REFUSED_KEY,
    "billing_error": FailureKind.QUOTA,
    "not_found_error": FailureKind.NO_SUCH_MODEL,
    "request_too_large": FailureKind.TOO_LONG,
    "timeout_error": FailureKind.TIMED_OUT,
    "invalid_request_error": FailureKind.REJECTED,
}


class AnthropicMessages:
    """The `Outbound` of Anthropic and of every vendor with an Anthropic-compatible address."""

    def request(self, messages: MessagesRequest, target: Target) -> UpstreamRequest:
        """The client's body with the target's model name. Raises UpstreamFailure (incapable): no address."""
        if target.preset.addressing == "vertex":
            return vertex_call(messages, target, "streamRawPredict" if messages.stream else "rawPredict")
        return self._call(messages, target, "/messages")

    def count_request(self, messages: MessagesRequest, target: Target) -> UpstreamRequest | None:
        """The same body for the counter, where the vendor has one."""
        if not target.preset.quirks.counts_tokens:
            return None
        if target.preset.addressing == "vertex":
            return vertex_call(messages, target, "count")
        return self._call(messages, target, "/messages/count_tokens")

    def counted(self, body: bytes) -> int | None:
        """`input_tokens` of a counter's answer."""
        return counted_number(body, "input_tokens")

    def models_request(self, target: Target) -> UpstreamRequest | None:
        """`/models`, a thousand at once; Vertex AI lists no publisher's models."""
        if target.preset.addressing == "vertex":
            return None
        url = _address(target, "/models?limit=1000")
        asked = list_request(target, url, **{"anthropic-version": DEFAULT_VERSION})
        return replace(asked, headers=_with_sign_in_beta(asked.headers, target))

    def listed(self, body: bytes) -> list[str]:
        """The ids under `data`. Raises UpstreamFailure (garbled)."""
        return listed_names(body)

    def local(self, messages: MessagesRequest) -> None:
        """Every request is called for: only Anthropic knows how to warm its cache."""
        return None

    def translator(self, messages: MessagesRequest, target: Target) -> Relay:
        """A relay that gives the stream the model name the client asked for."""
        return Relay(messages.model)

    def reply(self, body: bytes, messages: MessagesRequest, target: Target) -> MessagesReply:
        """The upstream's answer with the client's model name. Raises UpstreamFailure."""
        try:
            members = scan_object(body)
            error, usage = (loads(members.get(key, b"null")) for key in ("error", "usage"))
        except MalformedJson as malformed:
            words = plain_words(body.decode("utf-8", "replace"), 200) if body.strip() else "the answer was empty"
            raise UpstreamFailure(Failure(FailureKind.GARBLED, words, 200)) from malformed
        if members.get("type") == b'"error"' or error is not None:
            raise UpstreamFailure(failure_from_error(error, 200))
        if members.get("type") != b'"message"' or "content" not in members:
            raise UpstreamFailure(Failure(FailureKind.GARBLED, "the answer is no Messages reply", 200))
        named = dumps(messages.model)
        return MessagesReply(
            with_member(body, members, "model", named) if "model" in members else body,
            Usage.from_payload(usage),
            decode_string(members.get("stop_reason", b"null")),
            members["content"].strip(b"[] \r\n\t") != b"",
        )

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """What an answer other than 2xx means."""
        return status_failure(status, headers, body)

    def _call(self, messages: MessagesRequest, target: Target, path: str) -> UpstreamRequest:
        url = _address(target, path + ("?beta=true" if messages.beta else ""))
        return UpstreamRequest("POST", url, _headers(messages, target), messages.with_model(target.actual_model).body)


def _address(target: Target, path: str) -> str:
    return (target.base_url if target.base_url.endswith("/v1") else target.base_url + "/v1") + path


def vertex_call(messages: MessagesRequest, target: Target, verb: str) -> UpstreamRequest:
    """The call of a Claude model on Vertex AI: the model stands in the address, the version in the body.

    Source: the Vertex client of Anthropic's SDK. Raises UpstreamFailure (incapable) without project or location.
    """
    publisher, name = published(target.actual_model, "anthropic")
    where = vertex_models(target, publisher)
    members = {key: raw for key, raw in messages.members.items() if key not in ("model", "anthropic_version")}
    if verb == "count":
        url, members = f"{where}/count-tokens:rawPredict", {"model": dumps(name), **members}
    else:
        url = f"{where}/{quote(name, safe='@')}:{verb}"
    body = join_object({"anthropic_version": dumps(VERTEX_VERSION), **members})
    headers = _headers(messages, target)
    headers.pop("anthropic-version", None)
    return UpstreamRequest("POST", url, headers, body)


def _headers(messages: MessagesRequest, target: Target) -> dict[str, str]:
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if messages.stream else "application/json",
        "accept-encoding": "identity",
        "anthropic-version": DEFAULT_VERSION,
        **messages.headers,
    }
    return _with_sign_in_beta(headers | target.own_headers(), target)


def _with_sign_in_beta(headers: Mapping[str, str], target: Target) -> dict[str, str]:
    """The headers with what a token of an account needs in `anthropic-beta`, after what stands there."""
    beta = target.preset.sign_in_beta if target.signed_in else ""
    told = headers.get("anthropic-beta", "")
    if not beta or beta in (name.strip() for name in told.split(",")):
        return dict(headers)
    return {**headers, "anthropic-beta": f"{told},{beta}" if told.strip() else beta}


class Relay:
    """The identity translator: frames pass through, `message_start` gets the client's model name."""

    def __init__(self, model: str) -> None:
        self._model = dumps(model)
        self._ended = False

    @property
    def ended(self) -> bool:
        """True once `message_stop` has passed."""
        return self._ended

    def feed(self, event: ServerSentEvent) -> Sequence[MessagesEvent]:
        """One upstream event as the client may see it. Raises UpstreamFailure for `error` events and garbage."""
        data = event.data
        if not data or self._ended:
            return ()  # an event without data is none, whatever its name
        if not (data.startswith(b"{") and data.rstrip().endswith(b"}")):
            if event.name == "ping":
                return ()
            raise UpstreamFailure(Failure(FailureKind.GARBLED, "an event of the stream holds no JSON object", 200))
        name = event.name or self._named(data)
        if not name:
            raise UpstreamFailure(Failure(FailureKind.GARBLED, "an event of the stream has no type", 200))
        if b"\n" in data:
            # Several `data:` lines. Outside its strings JSON may have blanks anywhere, inside them no line end.
            data = data.replace(b"\n", b" ")
        if name == "error":
            raise UpstreamFailure(failure_from_error(self._read(data).get("error"), 200))
        if name == "message_start":
            return (self._start(event, data),)
        if name == "message_stop":
            self._ended = True
        return (MessagesEvent(name, data, event.frame) if event.name else MessagesEvent.from_json(name, data),)

    def finish(self) -> Sequence[MessagesEvent]:
        """Nothing is owed after `message_stop`; without it the stream was cut. Raises UpstreamFailure."""
        if not self._ended:
            raise UpstreamFailure(Failure(FailureKind.GARBLED, "the stream ended before message_stop", 200))
        return ()

    def _start(self, event: ServerSentEvent, data: bytes) -> MessagesEvent:
        try:
            message = scan_object(data).get("message")
            if message is None:
                raise MalformedJson("no message")
            renamed = replace_member(data, "message", replace_member(message, "model", self._model))
        except MalformedJson as error:
            raise UpstreamFailure(Failure(FailureKind.GARBLED, "message_start holds no message", 200)) from error
        frame = event.frame.replace(data, renamed, 1)
        return MessagesEvent("message_start", renamed, frame if event.name and renamed in frame else
                             MessagesEvent.from_json("message_start", renamed).frame)  # fmt: skip

    @staticmethod
    def _named(data: bytes) -> str:
        try:
            return decode_string(scan_object(data).get("type", b'""')) or ""
        except MalformedJson as error:
            raise UpstreamFailure(Failure(FailureKind.GARBLED, "an event of the stream is not JSON", 200)) from error

    @staticmethod
    def _read(data: bytes) -> dict[str, object]:
        try:
            parsed = loads(data)
        except MalformedJson:
            return {}
        return parsed if isinstance(parsed, dict) else {}


def failure_from_error(error: object, status: int, retry_after_s: float | None = None) -> Failure:
    """What Anthropic's `error` object means; `status` is the HTTP status it came with."""
    fields = error if isinstance(error, dict) else {}
    kind_name = str(fields.get("type") or "")
    message = str(fields.get("message") or (error if isinstance(error, str) else ""))
    by_type = _BY_TYPE.get(kind_name, FailureKind.GARBLED) if status == 200 else FailureKind.GARBLED
    kind = kind_of_status(status) or by_type
    if kind is FailureKind.RATE_LIMITED and kind_name == "billing_error":
        kind = FailureKind.QUOTA
    if kind in (FailureKind.REJECTED, FailureKind.TOO_LONG) and (rewritten := too_long_message(message)):
        kind, message = FailureKind.TOO_LONG, rewritten
    elif kind is FailureKind.TOO_LONG:
        message = NO_NUMBERS  # the client shrinks the conversation for these words only
    return Failure(kind, plain_words(message) or NO_REASON, status, retry_after_s, kind_name or None)


def status_failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an error answer in Anthropic's dialect means."""
    text = body.decode("utf-8", "replace")
    try:
        parsed = loads(body)
    except MalformedJson:
        parsed = None
    error = (parsed.get("error") or parsed) if isinstance(parsed, dict) else {"message": plain_words(text)}
    return failure_from_error(error, status, retry_after_seconds(headers, status))


ANTHROPIC_MESSAGES = AnthropicMessages()
