"""What every call to a target has in common: may it be called at all, and what did it answer?"""

from __future__ import annotations

from providers import client
from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.outbound.formats import OUTBOUND
from providers.targets import Target
from proxy.record import AttemptRecord

MAX_REPLY = 64 * 1024 * 1024
MAX_ERROR_BODY = 64 * 1024


def callable_target(target: Target) -> None:
    """Raise UpstreamFailure when a target cannot be called at all: its key is missing or does not unseal."""
    if target.problem:
        raise UpstreamFailure(Failure(FailureKind.REFUSED_KEY, f"{target.provider}: {target.problem}"))


async def checked(entry: AttemptRecord, target: Target, response: client.UpstreamResponse) -> client.UpstreamResponse:
    """Note what a target answered in its attempt; the response if it is a 200. Raises UpstreamFailure for all else."""
    entry.status = response.status
    entry.upstream_request_id = response.headers.get("request-id") or response.headers.get("x-request-id") or ""
    if response.status == 200:
        return response
    body = await _error_body(response)
    raise UpstreamFailure(OUTBOUND[target.preset.wire_format].failure(response.status, response.headers, body))


async def _error_body(response: client.UpstreamResponse) -> bytes:
    """The beginning of what an error says: one that is too long or breaks off is still what its status says."""
    found = bytearray()
    try:
        async for chunk in response.chunks():
            found += chunk
            if len(found) >= MAX_ERROR_BODY:
                break
    except UpstreamFailure:
        pass  # the status has arrived, and it says what to do
    return bytes(found[:MAX_ERROR_BODY])
