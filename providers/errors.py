"""What can go wrong upstream, and the one table that says what each kind of failure means.

The attempt loop, the client's error answer and the cooling of targets all read this
table; nothing else in the tree decides on a status code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

Cools = Literal["no", "target", "credential"]


class FailureKind(StrEnum):
    """Every way an attempt can fail."""

    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    BUSY = "busy"
    """This proxy's own limit of calls at once to the provider."""
    QUOTA = "quota"
    REFUSED_KEY = "refused_key"
    NO_SUCH_MODEL = "no_such_model"
    TOO_LONG = "too_long"
    REJECTED = "rejected"
    INCAPABLE = "incapable"
    GARBLED = "garbled"
    MISCALLED = "miscalled"
    """The model wrote a tool call that is none: the upstream is sound, and the next try may well succeed."""
    INTERRUPTED = "interrupted"
    CLIENT_GONE = "client_gone"
    INTERNAL = "internal"
    """This proxy's own fault: what the upstream would have said is not known."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one kind of failure means.

    `again`: extra calls to the same target; `pause_s`: the longest jittered pause before
    them. `cools`: what is benched, for `cool_s` seconds when the upstream names no time;
    each failure in a row doubles it, to ten minutes with `backs_off`, else to one.
    `status` and `type`: what the client sees when every target failed; `status` 0 means
    the upstream's own. `rank`: of several failures, the one with the highest rank is told
    to the client. `client_may_retry`: False where the same request cannot fare better.
    """

    again: int
    pause_s: float
    next_target: bool
    cools: Cools
    cool_s: float
    backs_off: bool
    status: int
    type: str
    rank: int
    client_may_retry: bool = True


def in_words(outcome: str) -> str:
    """A kind of failure, or another outcome, as people read it: "rate limited"."""
    return outcome.replace("_", " ")


K = FailureKind
RULES: dict[FailureKind, Rule] = {
    K.UNREACHABLE: Rule(1, 0.0, True, "target", 5, False, 502, "api_error", 1),
    K.TIMED_OUT: Rule(0, 0.0, True, "target", 15, False, 504, "timeout_error", 2),
    K.RATE_LIMITED: Rule(0, 0.0, True, "target", 10, True, 429, "rate_limit_error", 6),
    K.OVERLOADED: Rule(1, 1.0, True, "target", 5, True, 529, "overloaded_error", 5),
    K.BUSY: Rule(0, 0.0, True, "no", 0, False, 529, "overloaded_error", 5),
    K.QUOTA: Rule(0, 0.0, True, "credential", 300, True, 429, "rate_limit_error", 4, client_may_retry=False),
    K.REFUSED_KEY: Rule(0, 0.0, True, "credential", 300, False, 502, "api_error", 3, client_may_retry=False),
    K.NO_SUCH_MODEL: Rule(0, 0.0, True, "no", 0, False, 404, "not_found_error", 7, client_may_retry=False),
    K.TOO_LONG: Rule(0, 0.0, True, "no", 0, False, 400, "invalid_request_error", 9, client_may_retry=False),
    K.REJECTED: Rule(0, 0.0, False, "no", 0, False, 0, "invalid_request_error", 10, client_may_retry=False),
    K.INCAPABLE: Rule(0, 0.0, True, "no", 0, False, 400, "invalid_request_error", 8, client_may_retry=False),
    K.GARBLED: Rule(0, 0.0, True, "target", 5, False, 502, "api_error", 2),
    K.MISCALLED: Rule(1, 0.0, True, "no", 0, False, 502, "api_error", 2),
    K.INTERRUPTED: Rule(0, 0.0, True, "target", 5, False, 502, "api_error", 0),
    K.CLIENT_GONE: Rule(0, 0.0, False, "no", 0, False, 499, "api_error", 0),
    K.INTERNAL: Rule(0, 0.0, False, "no", 0, False, 500, "api_error", 0),
}
del K

_BY_STATUS = {
    401: FailureKind.REFUSED_KEY,
    402: FailureKind.QUOTA,
    403: FailureKind.REFUSED_KEY,
    404: FailureKind.NO_SUCH_MODEL,
    408: FailureKind.TIMED_OUT,
    413: FailureKind.TOO_LONG,
    429: FailureKind.RATE_LIMITED,
}


def kind_of_status(status: int) -> FailureKind | None:
    """What an HTTP status says by itself, in any dialect; None when it says nothing, as a 200 does."""
    if status >= 500:
        return FailureKind.OVERLOADED
    return _BY_STATUS.get(status, FailureKind.REJECTED) if status >= 400 else None


@dataclass(frozen=True, slots=True)
class Failure:
    """How one attempt failed: its kind, the upstream's status (0: none), its words, its wait in seconds.

    `error_type` is the upstream's own error type when it spoke Anthropic's dialect.
    """

    kind: FailureKind
    message: str
    status: int = 0
    retry_after_s: float | None = None
    error_type: str | None = None

    @property
    def rule(self) -> Rule:
        """The row of the table for this kind."""
        return RULES[self.kind]

    def scrubbed(self, *secrets: str) -> Failure:
        """The same failure without any of these secrets in its words."""
        message = self.message
        for secret in secrets:
            if len(secret) >= _MIN_SECRET:
                message = _without_cut_secret(message.replace(secret, _REMOVED), secret)
        return self if message == self.message else replace(self, message=message)


_MIN_SECRET = 6
_REMOVED = "[secret removed]"


def _without_cut_secret(message: str, secret: str) -> str:
    """The message without the first part of a secret that shortening cut in two."""
    if not message.endswith("…"):
        return message
    for length in range(min(len(secret), len(message)) - 1, _MIN_SECRET - 1, -1):
        if message.endswith(secret[:length] + "…"):
            return message[: -length - 1] + _REMOVED
    return message


class UpstreamFailure(Exception):
    """An attempt ended in a failure; carries the value that says how."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


MAX_MESSAGE = 500
"""Characters of an upstream's error text that anybody gets to see."""

_HTML_START = ("<!doctype", "<html", "<?xml", "<head", "<body", "<!--")
_LOOKED_AT = 20_000  # characters of a text that are worth cleaning


def plain_words(text: str, limit: int = MAX_MESSAGE) -> str:
    """An upstream's words as one printable line; a page of HTML is named, never shown."""
    text = text.lstrip("\ufeff \t\r\n")[:_LOOKED_AT]
    if text[:10].lower().startswith(_HTML_START):
        return "the upstream answered with an HTML page instead of JSON"
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
