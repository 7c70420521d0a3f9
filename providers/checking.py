"""Trying a provider: one real request, as small as its format allows, and the list of its models."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from providers import client, credentials
from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.model_facts import for_model
from providers.models import Provider
from providers.outbound.formats import OUTBOUND
from providers.targets import Target, Timeouts, UpstreamRequest
from providers.template import template_of, usual_model
from providers.wire.messages import MessagesRequest
from providers.wire.spans import dumps, scan_object

_T = TypeVar("_T")

CHECK_S = 20.0
"""Seconds that one call may take, unless told otherwise."""
AT_ONCE = 8
"""Providers tried at the same time."""
MAX_ANSWER = 8 * 1024 * 1024
MAX_ERROR_BODY = 64 * 1024
SHOWN = 5
"""Model names that a hint quotes."""

TOKENS = (1, 512)
"""What is asked for, and what once more when that is rejected: models that reason may refuse to end so soon."""

_BASE_URL = "It ends before /v1/messages or /chat/completions."
_KEY = "Set the API key anew: admin, Providers, this provider, API keys."
_SIGN_IN = "Sign in again: admin, Providers, this provider. A 403 may mean that the account is not allowed this model."
HINTS: dict[FailureKind, str] = {
    FailureKind.UNREACHABLE: f"Is the base URL right, and is the server up and open to this machine? {_BASE_URL}",
    FailureKind.TIMED_OUT: "Try again with more time (checkproviders --timeout): a local model may have to load first.",
    FailureKind.RATE_LIMITED: "The vendor asks to wait: try again later, or raise the limit of the account.",
    FailureKind.OVERLOADED: "The vendor, or a gateway before it, has trouble of its own: try again later.",
    FailureKind.BUSY: "Its limit of calls at once is reached here: try again, or raise the limit of the provider.",
    FailureKind.QUOTA: "The account has no credit left: top it up on the vendor's billing page.",
    FailureKind.REFUSED_KEY: f"{_KEY} A 403 may mean that it is not allowed to use this model.",
    FailureKind.NO_SUCH_MODEL: f"Name a model the provider has. A wrong base URL can look like this too: {_BASE_URL}",
    FailureKind.TOO_LONG: "Not even a few words fit: choose another model.",
    FailureKind.REJECTED: "The vendor does not take this request: do the preset and the model fit the address?",
    FailureKind.INCAPABLE: "Change the setting of the provider that the message names.",
    FailureKind.GARBLED: f"Something else answers there: are the base URL and the preset right? {_BASE_URL}",
    FailureKind.MISCALLED: "The model wrote a call that nobody can read: try again, or choose another model.",
    FailureKind.INTERRUPTED: "The answer broke off: try again.",
    FailureKind.CLIENT_GONE: "The check was ended before its answer: try again.",
    FailureKind.INTERNAL: "The fault is in this proxy: its log says why.",
}
"""What to do about each kind of failure."""

_BY_HAND = "enter the names of its models by hand"
LIST_HINTS: dict[FailureKind, str] = HINTS | {
    FailureKind.REFUSED_KEY: _KEY,
    FailureKind.INCAPABLE: f"So {_BY_HAND}.",
    FailureKind.NO_SUCH_MODEL: f"It may have no list: {_BY_HAND}. A wrong base URL can look like this too: {_BASE_URL}",
}
"""What to do about each kind of failure when the list of models was asked for."""

_NO_LIST = Failure(FailureKind.INCAPABLE, "this vendor has no list of models")
_NO_MODEL = Failure(FailureKind.NO_SUCH_MODEL, "there is no model to ask for: the provider lists none")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How a provider answered. `outcome`: "ok" or the kind of failure; `status`: the HTTP status, 0 for none."""

    provider: str
    model: str
    ok: bool
    outcome: str
    status: int
    latency_ms: int
    message: str = ""
    hint: str = ""
    models: tuple[str, ...] = ()
    """What the provider lists, empty when it has no list or does not give it."""


def check_rows(rows: Sequence[Provider], model: str = "", seconds: float = CHECK_S) -> list[CheckResult]:
    """Try each provider with `model`, else with its usual one. For threads without an event loop."""
    targets = [target_of(row, model) for row in rows]
    results = iter(check_all([target for target in targets if target], seconds))
    return [next(results) if target else _unknown(row) for row, target in zip(rows, targets, strict=True)]


def target_of(row: Provider, model: str = "") -> Target | None:
    """What to call for a provider; None when its preset is unknown."""
    template = template_of(row, Timeouts())
    return for_model(template, model or usual_model(row)) if template else None


def check_all(targets: Sequence[Target], seconds: float = CHECK_S) -> list[CheckResult]:
    """Try each target, a few at a time, `seconds` for each call. For threads without an event loop."""
    return _run(_check_all(targets, seconds))


def fetch_models(target: Target, seconds: float = CHECK_S) -> tuple[str, ...]:
    """The models the provider lists. Raises UpstreamFailure. For threads without an event loop."""
    return _run(list_models(target, seconds))


async def check(target: Target, seconds: float = CHECK_S) -> CheckResult:
    """Ask the target's model for one token; without a model, the first that the provider lists.

    Fails never: what goes wrong is told in the result, without secrets.
    """
    if target.problem:
        return _result(target, 0, Failure(FailureKind.REFUSED_KEY, target.problem), ())
    try:
        target = await credentials.ready(target)
    except UpstreamFailure as error:
        return _result(target, 0, error.failure, ())
    result = await _checked(target, seconds)
    renewed = await credentials.renewed(target) if result.status == 401 else None
    return await _checked(renewed, seconds) if renewed else result


async def _checked(target: Target, seconds: float) -> CheckResult:
    if target.actual_model:
        listing, asking = await asyncio.gather(_listed(target, seconds), _asked(target, seconds))
        return _result(target, *asking, listing[0])
    names, failure = await _listed(target, seconds)
    if not names:
        return _result(target, 0, failure or _NO_MODEL, ())
    chosen = for_model(target, names[0])
    return _result(chosen, *await _asked(chosen, seconds), names)


async def list_models(target: Target, seconds: float = CHECK_S) -> tuple[str, ...]:
    """The models the provider lists. Raises UpstreamFailure, also without a key or where the vendor has no list."""
    if target.problem:
        raise UpstreamFailure(Failure(FailureKind.REFUSED_KEY, target.problem))
    names, failure = await _listed(await credentials.ready(target), seconds)
    if failure is not None:
        raise UpstreamFailure(failure)
    return names


def hint_of(failure: Failure, models: Sequence[str] = ()) -> str:
    """What to do about a failure, choosing among the provider's `models` where that is it."""
    if failure.kind is FailureKind.NO_SUCH_MODEL and models:
        more = f" and {len(models) - SHOWN} more" if len(models) > SHOWN else ""
        return f"Choose one of the models it lists: {', '.join(models[:SHOWN])}{more}."
    return HINTS[failure.kind]


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    async def closing() -> _T:
        try:
            return await work
        finally:
            await client.close()

    return asyncio.run(closing())


async def _check_all(targets: Sequence[Target], seconds: float) -> list[CheckResult]:
    places = asyncio.Semaphore(AT_ONCE)

    async def placed(target: Target) -> CheckResult:
        async with places:
            return await check(target, seconds)

    return await asyncio.gather(*map(placed, targets))


def _unknown(row: Provider) -> CheckResult:
    words = f"the preset {row.preset} is not known"
    return CheckResult(row.name, "", False, FailureKind.INCAPABLE, 0, 0, words, "Choose another preset.")


def _result(target: Target, latency_ms: int, failure: Failure | None, models: tuple[str, ...]) -> CheckResult:
    if failure is None:
        return CheckResult(target.provider, target.actual_model, True, "ok", 200, latency_ms, "", "", models)
    told = failure.scrubbed(*target.secrets)
    return CheckResult(
        target.provider, target.actual_model, False, told.kind.value, told.status, latency_ms, told.message,
        _SIGN_IN if target.signed_in and told.kind is FailureKind.REFUSED_KEY else hint_of(told, models), models,
    )  # fmt: skip


async def _listed(target: Target, seconds: float) -> tuple[tuple[str, ...], Failure | None]:
    outbound = OUTBOUND[target.preset.wire_format]
    outgoing = outbound.models_request(target)
    if outgoing is None:
        return (), _NO_LIST
    try:
        return tuple(outbound.listed(await _answer(outgoing, target, seconds))), None
    except UpstreamFailure as error:
        return (), error.failure.scrubbed(*target.secrets)


async def _asked(target: Target, seconds: float) -> tuple[int, Failure | None]:
    """Milliseconds until the last answer was there, and how it failed."""
    outbound = OUTBOUND[target.preset.wire_format]
    failure, latency_ms = None, 0
    for tokens in TOKENS:
        messages = _question(target.actual_model, tokens)
        started, failure = time.monotonic(), None
        try:
            outbound.reply(await _answer(outbound.request(messages, target), target, seconds), messages, target)
        except UpstreamFailure as error:
            failure = error.failure
        latency_ms = int((time.monotonic() - started) * 1000)
        if failure is None or failure.kind is not FailureKind.REJECTED:
            break
    return latency_ms, failure


def _question(model: str, tokens: int) -> MessagesRequest:
    words = [{"role": "user", "content": "Reply with ok"}]
    body = dumps({"model": model, "max_tokens": tokens, "messages": words})
    return MessagesRequest(body, scan_object(body), model, stream=False)


async def _answer(outgoing: UpstreamRequest, target: Target, seconds: float) -> bytes:
    limits = replace(target.timeouts, connect=min(target.timeouts.connect, seconds))
    try:
        async with asyncio.timeout(seconds), client.send(outgoing, limits) as response:
            if response.status == 200:
                return await response.read(MAX_ANSWER)
            body = await response.read(MAX_ERROR_BODY)
    except TimeoutError as error:
        raise UpstreamFailure(Failure(FailureKind.TIMED_OUT, f"no answer within {seconds:g} s")) from error
    raise UpstreamFailure(OUTBOUND[target.preset.wire_format].failure(response.status, response.headers, body))
