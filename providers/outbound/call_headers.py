"""The headers of a translated call, the same in every format: the client's own stay with us."""

from __future__ import annotations

from providers.targets import Target


def call_headers(target: Target, stream: bool) -> dict[str, str]:
    """What is sent, what is wanted back, who asks, and what the target itself carries."""
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if stream else "application/json",
        "accept-encoding": "identity",
        "user-agent": "ccm",
    }
    return headers | target.own_headers()
