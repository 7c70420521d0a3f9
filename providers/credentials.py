"""What a target needs to be called now: an account's token as it is at this moment, not as it was configured.

API keys pass through; Google's key files and default credentials become the tokens that they stand for.
A token that is good is read from memory; only one that is over is waited for.
"""

from __future__ import annotations

from dataclasses import replace

from providers import google_adc
from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.oauth.held import MEMORY, Held
from providers.oauth.keeper import KEEPER
from providers.oauth.renewal import RenewalFailed
from providers.targets import Target


async def ready(target: Target) -> Target:
    """The target with a secret that can be used now. Raises UpstreamFailure when there is none."""
    if not target.signed_in and not target.problem:
        return await google_adc.with_token(target)
    held = None if target.problem else MEMORY.get(target.credential_id)
    if held is None:
        return target
    if MEMORY.is_over(held):
        try:
            held = await KEEPER.renewed(held, forced=False)
        except RenewalFailed as error:
            raise UpstreamFailure(_failure(target, error)) from error
    return _opened(target, held)


async def renewed(target: Target) -> Target | None:
    """The target with another secret after the vendor refused the one it had (401); None when there is none."""
    if not target.signed_in:
        return await google_adc.renewed(target)
    held = MEMORY.get(target.credential_id)
    if held is None:
        return None
    if held.access.reveal() == target.secret.reveal():
        try:
            held = await KEEPER.renewed(held, forced=True)
        except RenewalFailed:
            return None
    fresh = _opened(target, held)
    return None if fresh.secret.reveal() == target.secret.reveal() else fresh


def _opened(target: Target, held: Held) -> Target:
    return target if target.secret is held.access else replace(target, secret=held.access)


def _failure(target: Target, error: RenewalFailed) -> Failure:
    if error.dead:
        return Failure(FailureKind.REFUSED_KEY, f"{target.provider}: its account has to sign in again: {error.words}")
    return Failure(FailureKind.OVERLOADED, f"{target.provider}: its account's token cannot be renewed: {error.words}")
