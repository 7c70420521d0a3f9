"""An attempt at a target that an account opens: with the token of this moment, and once more when it is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from providers import credentials
from providers.errors import UpstreamFailure
from providers.targets import Target
from proxy.attempts import Attempt
from proxy.call import Call
from proxy.record import AttemptRecord

Runner = Callable[[Attempt, AttemptRecord], Awaitable[None]]

RENEWED = "the sign-in was renewed after a 401"


def opened(call: Call, runner: Runner) -> Runner:
    """`runner`, with a secret that can be used now; a 401 is followed by one renewal and one more call.

    That call is no repeat: the first one never reached a model. What fails is told without the secret that was used.
    """

    async def attempt(current: Attempt, entry: AttemptRecord) -> None:
        target = await credentials.ready(current.target)
        try:
            await _run(runner, current, entry, target)
        except UpstreamFailure:
            renewed = await credentials.renewed(target) if entry.status == 401 and not entry.drill else None
            if renewed is None:
                raise
            call.repaired(renewed, (RENEWED,))
            await _run(runner, current, entry, renewed)

    return attempt


async def _run(runner: Runner, current: Attempt, entry: AttemptRecord, target: Target) -> None:
    try:
        await runner(current if target is current.target else replace(current, target=target), entry)
    except UpstreamFailure as error:
        # The configuration that the request started with may not know this secret yet, or no longer.
        raise UpstreamFailure(error.failure.scrubbed(*target.secrets)) from error
