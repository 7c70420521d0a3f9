"""The window of context a client believes in, and counts told in its measure.

Claude Code compacts a conversation when it nears the window of the Claude model it asked for. A target with a smaller
window is full long before that; counts that are larger by as much make the client compact in time.
"""

from __future__ import annotations

from providers.wire.messages import MessagesRequest

WINDOW = 200_000
LONG_WINDOW = 1_000_000
"""Of a model whose name ends in `[1m]` or whose request has a beta that begins with `context-1m`."""


def believed_window(request: MessagesRequest) -> int:
    """The tokens of context that the client thinks it has."""
    betas = (beta.strip() for beta in request.headers.get("anthropic-beta", "").split(","))
    if request.model.lower().endswith("[1m]") or any(beta.startswith("context-1m") for beta in betas):
        return LONG_WINDOW
    return WINDOW


def scaled(tokens: int, request: MessagesRequest, window: int | None) -> int:
    """`tokens` of a target with that window, in the measure of the client's window, rounded up.

    The count itself when the target's window is unknown or no smaller.
    """
    believed = believed_window(request)
    if not window or window >= believed:
        return tokens
    return -(-tokens * believed // window)
