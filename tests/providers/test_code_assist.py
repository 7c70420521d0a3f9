"""The project of a Google account: every answer Code Assist may give, at a server on a real socket."""

import contextlib
import json

import pytest
from hypothesis import given, settings

from providers import client
from providers.code_assist import POLLS, Found, Loaded, Tier, decided, discover, finished, loaded, operation_request
from providers.errors import FailureKind, UpstreamFailure
from providers.targets import Secret
from tests import cast
from tests.providers.outbound.odd_bodies import json_values
from tests.upstream import ScriptedUpstream

TOKEN = "token-canary-0123456789"
RPC = "type.googleapis.com/google.rpc."
FREE = {"id": "free-tier", "name": "Free", "isDefault": True}
STANDARD = {"id": "standard-tier", "name": "Standard", "userDefinedCloudaicompanionProject": True, "isDefault": True}
RUNNING = {"name": "operations/abc-1", "done": False}
DONE = {
    "name": "operations/abc-1",
    "done": True,
    "response": {"cloudaicompanionProject": {"id": "given-1", "name": "x"}},
}
OLD = {"reasonCode": "RESTRICTED_AGE", "reasonMessage": "You are too young.", "tierId": "free-tier"}
VALIDATE = {
    "reasonCode": "VALIDATION_REQUIRED", "reasonMessage": "Verify your account.", "validationUrl": "https://x.test/v",
}  # fmt: skip


@pytest.fixture
def upstream():
    with ScriptedUpstream() as server:
        yield server


@pytest.fixture(autouse=True)
async def closed_afterwards():
    yield
    await client.close()


class Slept:
    """Sleeps at once and remembers for how long it should have."""

    def __init__(self):
        self.seconds = []

    async def __call__(self, seconds):
        self.seconds.append(seconds)


async def found(upstream, *answers, project="", path="play", sleep=None):
    for body in answers:
        upstream.play(body if isinstance(body, bytes) else json.dumps(body).encode(), 200, "application/json")
    target = cast.target(
        preset="code-assist", base_url=f"{upstream.url}/{path}", secret=Secret(TOKEN), signed_in=True, project=project
    )
    return await discover(target, client.send, sleep or Slept())


def methods(upstream):
    return [f"{request.method} {request.path.removeprefix('/play/v1internal')}" for request in upstream.requests]


async def test_a_known_account_is_looked_up_with_one_call(upstream):
    """Its project and tier come back; the token goes as a bearer token; nothing is set up."""
    answer = {"currentTier": FREE, "cloudaicompanionProject": "mine-1"}
    assert await found(upstream, answer) == Found("mine-1", "free-tier")
    assert methods(upstream) == ["POST :loadCodeAssist"]
    (sent,) = upstream.requests
    assert sent.headers["authorization"] == f"Bearer {TOKEN}" and sent.headers["user-agent"] == "ccm"
    assert sent.json == {
        "metadata": {"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"}
    }


async def test_the_providers_project_is_asked_for(upstream):
    """A project of the provider's own is named, and used where Google names none."""
    assert await found(upstream, {"currentTier": STANDARD}, project="own-1") == Found("own-1", "standard-tier")
    sent = upstream.requests[0].json
    assert (sent["cloudaicompanionProject"], sent["metadata"]["duetProject"]) == ("own-1", "own-1")


async def test_a_paid_tier_is_the_one_told(upstream):
    """Somebody who pays is told the tier paid for; a project may come inside an object."""
    answer = {"currentTier": FREE, "paidTier": {"id": "g1-pro-tier"}, "cloudaicompanionProject": {"id": "p"}}
    assert await found(upstream, answer) == Found("p", "g1-pro-tier")


async def test_a_new_account_is_set_up(upstream):
    """The free tier is set up without a project, and the operation looked at until it is done."""
    slept = Slept()
    got = await found(
        upstream, {"allowedTiers": [STANDARD | {"isDefault": False}, FREE]}, RUNNING, RUNNING, DONE, project="own-1",
        sleep=slept,
    )  # fmt: skip
    assert got == Found("given-1", "free-tier")
    assert methods(upstream) == [
        "POST :loadCodeAssist", "POST :onboardUser", "GET /operations/abc-1", "GET /operations/abc-1",
    ]  # fmt: skip
    sent = upstream.requests[1].json
    assert sent["tierId"] == "free-tier" and "cloudaicompanionProject" not in sent
    assert "duetProject" not in sent["metadata"]
    assert slept.seconds == [5.0, 5.0]


async def test_a_tier_with_an_own_project_is_set_up_under_it(upstream):
    """A tier that wants the account's project gets the provider's; without one nothing is tried."""
    assert await found(upstream, {"allowedTiers": [STANDARD]}, {"done": True}, project="own-1") == Found(
        "own-1", "standard-tier"
    )
    assert upstream.requests[1].json["cloudaicompanionProject"] == "own-1"
    lacking = await found(upstream, {"allowedTiers": [STANDARD]})
    assert "set the project ID" in lacking.problem and not lacking.project
    assert len(upstream.requests) == 3


async def test_an_operation_without_a_name_is_asked_for_again(upstream):
    """Where no name comes, setting up is asked for once more."""
    assert await found(upstream, {"allowedTiers": [FREE]}, {"done": False}, DONE) == Found("given-1", "free-tier")
    assert methods(upstream)[1:] == ["POST :onboardUser", "POST :onboardUser"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"ineligibleTiers": [OLD]}, "You are too young."),
        ({"ineligibleTiers": [OLD, OLD, VALIDATE]}, "You are too young.; Verify your account: https://x.test/v"),
        ({"ineligibleTiers": [VALIDATE], "allowedTiers": [FREE]}, "Verify your account: https://x.test/v"),
        ({"currentTier": STANDARD, "ineligibleTiers": [OLD]}, "You are too young."),
        ({}, "set the project ID of the provider"),
        ({"currentTier": STANDARD}, "set the project ID of the provider"),
    ],
)
async def test_an_account_that_may_not_is_told_why(upstream, answer, words):
    """Google's reason, with the address that helps, or what to set: told in words and never tried."""
    told = await found(upstream, answer)
    assert words in told.problem and (told.project, told.tier) == ("", "")
    assert methods(upstream) == ["POST :loadCodeAssist"]


async def test_setting_up_may_end_without_a_project(upstream):
    """A tier that was set up but gave no project is a problem, with Google's reason if there is one."""
    told = await found(upstream, {"allowedTiers": [FREE], "ineligibleTiers": [OLD]}, {"done": True, "response": {}})
    assert told.problem == "You are too young."


async def test_an_organisations_perimeter_is_the_standard_tier(upstream):
    """Where the organisation forbids the lookup, the provider's own project is used, or asked for."""
    refusal = {"error": {"code": 403, "message": "no", "details": [{"reason": "SECURITY_POLICY_VIOLATED"}]}}
    for project, wanted in (("own-1", Found("own-1", "standard-tier")), ("", None)):
        upstream.play(json.dumps(refusal).encode(), 403, "application/json")
        got = await found(upstream, project=project)
        assert got == wanted or (wanted is None and "set the project ID" in got.problem)


@pytest.mark.parametrize(
    ("details", "wait"),
    [
        ([{"@type": RPC + "RetryInfo", "retryDelay": "34.5s"}], 34.5),
        (
            [{"@type": RPC + "ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED", "metadata": {"quotaResetDelay": "1500ms"}}],
            1.5,
        ),
        ([], None),
    ],
)
async def test_a_limit_tells_how_long_to_wait(upstream, details, wait):
    """A 429 is a rate limit with the wait Google names, of the lookup and of setting up alike."""
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": f"slow {TOKEN}", "details": details}}
    for first in ((), ({"allowedTiers": [FREE]},)):
        for answer in first:
            upstream.play(json.dumps(answer).encode(), 200, "application/json")
        upstream.play(json.dumps(body).encode(), 429, "application/json")
        with pytest.raises(UpstreamFailure) as raised:
            await found(upstream)
        failure = raised.value.failure
        assert (failure.kind, failure.retry_after_s) == (FailureKind.RATE_LIMITED, wait)
        assert TOKEN not in failure.message


async def test_an_operation_that_fails_is_a_failure(upstream):
    """An operation may end in an error of its own."""
    broken = {
        "name": "operations/a",
        "done": True,
        "error": {"code": 7, "status": "PERMISSION_DENIED", "message": "no"},
    }
    with pytest.raises(UpstreamFailure) as raised:
        await found(upstream, {"allowedTiers": [FREE]}, broken)
    assert raised.value.failure.kind is FailureKind.REFUSED_KEY


async def test_an_operation_that_never_ends_is_given_up(upstream):
    """After a minute somebody is told to try again."""
    slept = Slept()
    with pytest.raises(UpstreamFailure, match="some minutes") as raised:
        await found(upstream, {"allowedTiers": [FREE]}, *([RUNNING] * POLLS), sleep=slept)
    assert raised.value.failure.kind is FailureKind.TIMED_OUT
    assert sum(slept.seconds) == 60.0


@pytest.mark.parametrize(
    "name", ["../secrets", "operations/../x", "https://x.test/operations/a", "operations/a?b", "x"]
)
def test_only_an_operation_is_looked_at(name):
    """A name that would lead elsewhere is not followed with the token."""
    with pytest.raises(UpstreamFailure):
        operation_request(cast.target(preset="code-assist"), name)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("html502", "overloaded"), ("html200", "garbled"), ("garbage", "garbled"), ("empty200", "garbled"),
        ("status/401", "refused_key"), ("status/403", "refused_key"), ("close", "unreachable"),
        ("cutlen", "unreachable"),
    ],
)  # fmt: skip
async def test_whatever_goes_wrong_is_a_failure(upstream, fault, kind):
    """Pages, refusals and broken connections are told as failures of their kind, without the token."""
    with pytest.raises(UpstreamFailure) as raised:
        await found(upstream, path=fault)
    assert raised.value.failure.kind.value == kind
    assert TOKEN not in raised.value.failure.message


async def test_an_answer_that_does_not_come_is_given_up(upstream, monkeypatch):
    """One call may take so long and no longer."""
    monkeypatch.setattr("providers.code_assist.CALL_S", 0.2)
    with pytest.raises(UpstreamFailure) as raised:
        await found(upstream, path="hang")
    assert raised.value.failure.kind is FailureKind.TIMED_OUT


@settings(max_examples=200, deadline=None)
@given(json_values)
def test_no_answer_breaks_the_reading(value):
    """Whatever JSON comes is read; what it lacks counts as not said."""
    for body in (value, {"currentTier": value, "allowedTiers": value, "ineligibleTiers": value}, {"paidTier": value}):
        known = loaded(body)
        assert isinstance(known, Loaded)
        assert isinstance(decided(known, ""), Found | None)
    known = Loaded(None, Tier("free-tier"), "", "", False)
    for body in (value, {"done": True, "response": value}, {"done": value, "name": value}):
        with contextlib.suppress(UpstreamFailure):
            assert isinstance(finished(body, known, ""), Found | None)
