"""What we say ourselves when a target cannot take something a request holds, before any call is made."""

from __future__ import annotations

from providers.errors import Failure, FailureKind, UpstreamFailure


def cannot(what: str) -> UpstreamFailure:
    """The refusal to raise; `what` is a class of the client's own vocabulary, such as `image_block`."""
    # Claude Code acts on exactly this wording: it sends the turn again without the block.
    words = f"capability_rejected: {what}"
    return UpstreamFailure(Failure(FailureKind.INCAPABLE, words, 400, None, "invalid_request_error"))


def unreadable(words: str) -> UpstreamFailure:
    """The refusal of a body that the native path would forward unread and a translation has to understand."""
    return UpstreamFailure(Failure(FailureKind.REJECTED, words, 400, None, "invalid_request_error"))
