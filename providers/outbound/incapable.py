"""What we say ourselves when a target cannot take something a request holds, before any call is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.wire.spans import MalformedJson


def cannot(what: str) -> UpstreamFailure:
    """The refusal to raise; `what` is a class of the client's own vocabulary, such as `image_block`."""
    # Claude Code acts on exactly this wording: it sends the turn again without the block.
    words = f"capability_rejected: {what}"
    return UpstreamFailure(Failure(FailureKind.INCAPABLE, words, 400, None, "invalid_request_error"))


@contextmanager
def readable() -> Iterator[None]:
    """Around a translation. The native path forwards a body unread; here it has to be understood.

    What cannot be becomes an UpstreamFailure (rejected).
    """
    try:
        yield
    except (MalformedJson, RecursionError) as error:
        words = str(error) if isinstance(error, MalformedJson) else "the request is nested too deeply"
        raise UpstreamFailure(Failure(FailureKind.REJECTED, words, 400, None, "invalid_request_error")) from error
