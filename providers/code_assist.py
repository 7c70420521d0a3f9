"""Which project a Google account uses Gemini Code Assist under: looked up, and set up the first time.

The requests and the reading are pure; `discover` makes the calls with whatever sends them.
Source: Google's own open command-line client (loadCodeAssist, onboardUser, long-running operations).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from providers.errors import Failure, FailureKind, UpstreamFailure, plain_words
from providers.outbound.call_headers import call_headers
from providers.outbound.error_bodies import error_in
from providers.outbound.gemini.errors import error_failure, status_failure
from providers.outbound.vertex import versioned
from providers.targets import Target, Timeouts, UpstreamRequest
from providers.wire.spans import MalformedJson, dumps, loads

FREE_TIER, STANDARD_TIER, OLDEST_TIER = "free-tier", "standard-tier", "legacy-tier"
CALL_S, POLL_S, POLLS = 20.0, 5.0, 12
"""Seconds that one call may take and between two looks at the operation; how often it is looked at."""
MAX_ANSWER = 1024 * 1024

_OPERATION = re.compile(r"operations/[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_NEEDS_PROJECT = (
    "this account needs a Google Cloud project of its own with the Gemini for Google Cloud API enabled: "
    "set the project ID of the provider"
)


class Answer(Protocol):
    """What is read of an answer; `providers.client` gives such."""

    status: int
    headers: Mapping[str, str]

    async def read(self, limit: int) -> bytes:
        """The whole body, of at most `limit` bytes."""
        ...


Send = Callable[[UpstreamRequest, Timeouts], AbstractAsyncContextManager[Answer]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a lookup has led to: the project to name in requests and the tier's id, or the problem in words."""

    project: str = ""
    tier: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier of Code Assist. `own_project`: the account brings its project, Google gives it none."""

    id: str
    own_project: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """What Code Assist knows of an account. `current` is None for one that was never set up."""

    current: Tier | None
    offered: Tier
    project: str
    why_not: str
    """Why tiers are closed to the account, in Google's words and with the address that helps; mostly empty."""
    must_validate: bool


def load_request(target: Target) -> UpstreamRequest:
    """The call that asks what Code Assist knows of the account."""
    own = {"cloudaicompanionProject": target.project} if target.project else {}
    return _post(target, "loadCodeAssist", {**own, "metadata": _metadata(target.project)})


def onboard_request(target: Target, tier: Tier) -> UpstreamRequest:
    """The call that sets the account up. The free tier has a project of Google's and refuses any other."""
    project = "" if tier.id == FREE_TIER else target.project
    own = {"cloudaicompanionProject": project} if project else {}
    return _post(target, "onboardUser", {"tierId": tier.id, **own, "metadata": _metadata(project)})


def operation_request(target: Target, name: str) -> UpstreamRequest:
    """The call that looks at a long-running operation. Raises UpstreamFailure (garbled): that is no operation."""
    if not _OPERATION.fullmatch(name):
        raise UpstreamFailure(Failure(FailureKind.GARBLED, "Code Assist named no operation that can be asked for", 200))
    return UpstreamRequest("GET", f"{_base(target)}/{name}", call_headers(target, False), b"")


def loaded(body: Any) -> Loaded:
    """The answer to `load_request`."""
    fields = body if isinstance(body, dict) else {}
    current = _tier(fields.get("paidTier")) if fields.get("currentTier") else None
    refusals = [refusal for refusal in _objects(fields.get("ineligibleTiers")) if _text(refusal, "reasonMessage")]
    default = [tier for tier in _objects(fields.get("allowedTiers")) if tier.get("isDefault") is True]
    return Loaded(
        current or _tier(fields.get("currentTier")),
        _tier(default[0] if default else None) or Tier(OLDEST_TIER, own_project=True),
        _project(fields.get("cloudaicompanionProject")),
        "; ".join(dict.fromkeys(map(_refusal, refusals))),
        any(_text(refusal, "reasonCode") == "VALIDATION_REQUIRED" for refusal in refusals),
    )


def decided(known: Loaded, project: str) -> Found | None:
    """What follows for an account whose provider names `project` (or ""); None: it has to be set up first."""
    if known.current is not None:
        named = known.project or project
        return Found(named, known.current.id) if named else Found(problem=known.why_not or _NEEDS_PROJECT)
    if known.must_validate:
        return Found(problem=known.why_not)
    if known.offered.own_project and not project:
        return Found(problem=known.why_not or _NEEDS_PROJECT)
    return None


def finished(operation: Any, known: Loaded, project: str) -> Found | None:
    """What an operation has led to; None while it runs. Raises UpstreamFailure when it has failed."""
    fields = operation if isinstance(operation, dict) else {}
    if isinstance(fields.get("error"), dict):
        raise UpstreamFailure(error_failure(fields["error"], 200))
    if fields.get("done") is not True:
        return None
    response = fields.get("response")
    named = _project(response.get("cloudaicompanionProject") if isinstance(response, dict) else None) or project
    return Found(named, known.offered.id) if named else Found(problem=known.why_not or _NEEDS_PROJECT)


async def discover(target: Target, send: Send, sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep) -> Found:
    """The project and tier of the account whose token the target has; an account without any is set up first.

    `target.project`, when set, is the project asked for. An account that may not use Code
    Assist is no failure but a `problem`. Raises UpstreamFailure for what goes wrong on the
    way, with the wait that Google asks for.
    """
    try:
        known = loaded(await _asked(load_request(target), target, send))
    except _PolicyRefusal:
        # The organisation keeps the lookup inside its own perimeter; its projects are of the standard tier.
        return decided(Loaded(Tier(STANDARD_TIER), Tier(STANDARD_TIER), "", "", False), target.project) or Found()
    found = decided(known, target.project)
    outgoing = onboard_request(target, known.offered)
    for _ in range(POLLS):
        if found is not None:
            return found
        operation = await _asked(outgoing, target, send)
        found = finished(operation, known, target.project)
        name = _text(operation, "name")
        if found is None:
            # Without a name there is nothing to look at: being set up twice does no harm.
            outgoing = operation_request(target, name) if name else outgoing
            await sleep(POLL_S)
    if found is not None:
        return found
    words = "setting the account up for Code Assist takes long: try again in some minutes"
    raise UpstreamFailure(Failure(FailureKind.TIMED_OUT, words))


class _PolicyRefusal(UpstreamFailure):
    """A refusal by the organisation's service perimeter."""


async def _asked(outgoing: UpstreamRequest, target: Target, send: Send) -> Any:
    try:
        async with asyncio.timeout(CALL_S), send(outgoing, target.timeouts) as answer:
            body = await answer.read(MAX_ANSWER)
    except TimeoutError as error:
        raise UpstreamFailure(Failure(FailureKind.TIMED_OUT, f"no answer within {CALL_S:g} s")) from error
    if answer.status != 200:
        failure = status_failure(answer.status, answer.headers, body).scrubbed(*target.secrets)
        raise _PolicyRefusal(failure) if _is_policy(error_in(body)) else UpstreamFailure(failure)
    try:
        found = loads(body)
    except MalformedJson as error:
        words = plain_words(body.decode("utf-8", "replace"), 200) or "the answer was empty"
        raise UpstreamFailure(Failure(FailureKind.GARBLED, words, 200).scrubbed(*target.secrets)) from error
    if not isinstance(found, dict):
        raise UpstreamFailure(Failure(FailureKind.GARBLED, "the answer is no JSON object", 200))
    return found


def _is_policy(error: Any) -> bool:
    details = _objects(error.get("details")) if isinstance(error, dict) else []
    return any(_text(detail, "reason") == "SECURITY_POLICY_VIOLATED" for detail in details)


def _base(target: Target) -> str:
    return versioned(target.base_url, "v1internal")


def _post(target: Target, method: str, body: dict[str, Any]) -> UpstreamRequest:
    return UpstreamRequest("POST", f"{_base(target)}:{method}", call_headers(target, False), dumps(body))


def _metadata(project: str) -> dict[str, str]:
    own = {"duetProject": project} if project else {}
    return {"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI", **own}


def _tier(value: Any) -> Tier | None:
    name = _text(value, "id")
    return Tier(name, value.get("userDefinedCloudaicompanionProject") is True) if name else None


def _refusal(refusal: dict[str, Any]) -> str:
    words, address = plain_words(_text(refusal, "reasonMessage")), _text(refusal, "validationUrl")
    return f"{words.rstrip('.')}: {plain_words(address)}" if address.startswith("https://") else words


def _project(value: Any) -> str:
    """A project's id, which comes bare or inside an object."""
    named = value.get("id") if isinstance(value, dict) else value
    return named if isinstance(named, str) else ""


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: Any, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
