"""Calling a token endpoint: bounded in time and size, and every failure in words without a secret."""

from __future__ import annotations

import asyncio

from providers import client
from providers.errors import UpstreamFailure
from providers.oauth.flows import Flow
from providers.oauth.tokens import TokenRefused, Tokens, tokens_of
from providers.targets import Timeouts, UpstreamRequest

CONNECT_S = 5.0
MAX_ANSWER = 256 * 1024


async def ask(flow: Flow, outgoing: UpstreamRequest, seconds: float, hidden: tuple[str, ...] = ()) -> Tokens:
    """The tokens that a call to a token endpoint gives. Raises TokenRefused, whose words hold none of `hidden`."""
    try:
        async with (
            asyncio.timeout(seconds),
            client.send(outgoing, Timeouts(connect=min(CONNECT_S, seconds))) as response,
        ):
            body = await response.read(MAX_ANSWER)
    except TimeoutError:
        raise TokenRefused(f"no answer from the token server within {seconds:g} s") from None
    except UpstreamFailure as error:
        raise TokenRefused(f"the token server cannot be reached: {error.failure.message}") from None
    return tokens_of(flow, response.status, body, hidden)
