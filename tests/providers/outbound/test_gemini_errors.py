"""What Gemini's errors mean: with a status, inside a 200, in an array, as text, as HTML."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import FailureKind
from providers.outbound.gemini.errors import error_failure, status_failure
from tests.providers.outbound.odd_bodies import json_values

RPC = "type.googleapis.com/google.rpc."
NO_REASON = "the upstream gave no reason"


def failure(status, body, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return status_failure(status, {key.replace("_", "-"): value for key, value in headers.items()}, raw)


def error(code, word, message="no", *details):
    return {"error": {"code": code, "status": word, "message": message, "details": list(details)}}


def retry(delay):
    return {"@type": RPC + "RetryInfo", "retryDelay": delay}


def quota(quota_id):
    return {"@type": RPC + "QuotaFailure", "violations": [{"quotaMetric": "m", "quotaId": quota_id}]}


def info(reason, **metadata):
    return {"@type": RPC + "ErrorInfo", "reason": reason, "domain": "googleapis.com", "metadata": metadata}


LONG = "The input token count (1048600) exceeds the maximum number of tokens allowed (1048576)."
KEY = "API key not valid. Please pass a valid API key."
PER_MINUTE, PER_DAY = "GenerateRequestsPerMinutePerProject-FreeTier", "GenerateRequestsPerDayPerProject-FreeTier"


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (400, error(400, "INVALID_ARGUMENT", "bad field"), "rejected", "bad field"),
        (400, error(400, "INVALID_ARGUMENT", LONG), "too_long", "prompt is too long: 1048600 tokens > 1048576 maximum"),
        (400, error(400, "INVALID_ARGUMENT", LONG.replace(" (1048600)", "")), "too_long",
         "capability_rejected: prompt_too_long"),
        (400, error(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."), "too_long",
         "capability_rejected: prompt_too_long"),
        (413, b"", "too_long", "capability_rejected: prompt_too_long"),
        (400, error(400, "INVALID_ARGUMENT", KEY), "refused_key", KEY),
        (400, error(400, "INVALID_ARGUMENT", "no", info("API_KEY_INVALID")), "refused_key", "no"),
        (400, error(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key."), "refused_key",
         "API key expired. Please renew the API key."),
        (400, error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), "refused_key",
         "User location is not supported for the API use."),
        (400, error(400, "INVALID_ARGUMENT", "Function call `X` in the 2. content block is missing a"
                    " `thought_signature`."), "incapable", "capability_rejected: thinking_signature"),
        (400, error(400, "INVALID_ARGUMENT", "Corrupted thought signature."), "incapable",
         "capability_rejected: thinking_signature"),
        (401, error(401, "UNAUTHENTICATED", "expired"), "refused_key", "expired"),
        (403, error(403, "PERMISSION_DENIED", "no"), "refused_key", "no"),
        (404, error(404, "NOT_FOUND", "models/x is not found"), "no_such_model", "models/x is not found"),
        (429, error(429, "RESOURCE_EXHAUSTED", "slow"), "rate_limited", "slow"),
        (429, error(429, "RESOURCE_EXHAUSTED", "slow", quota(PER_MINUTE)), "rate_limited", "slow"),
        (429, error(429, "RESOURCE_EXHAUSTED", "day", quota(PER_MINUTE), quota(PER_DAY)), "quota", "day"),
        (429, error(429, "RESOURCE_EXHAUSTED", "m", info("QUOTA_EXHAUSTED")), "quota", "m"),
        (429, error(429, "RESOURCE_EXHAUSTED", "m", info("RATE_LIMIT_EXCEEDED")), "rate_limited", "m"),
        (429, error(429, "RESOURCE_EXHAUSTED", "m", info("RATE_LIMIT_EXCEEDED", quota_limit=PER_DAY)), "quota", "m"),
        (429, error(429, "RESOURCE_EXHAUSTED", "Quota exceeded, limit: 0, model: g"), "quota",
         "Quota exceeded, limit: 0, model: g"),
        (500, error(500, "INTERNAL", "oops"), "overloaded", "oops"),
        (503, error(503, "UNAVAILABLE", "The model is overloaded."), "overloaded", "The model is overloaded."),
        (504, error(504, "DEADLINE_EXCEEDED", "late"), "timed_out", "late"),
        (503, b"<html><body>down</body></html>", "overloaded",
         "the upstream answered with an HTML page instead of JSON"),
        (503, [error(503, "UNAVAILABLE", "array")], "overloaded", "array"),
        (400, {"error": "as text"}, "rejected", "as text"),
        (400, {"error": {"message": ["odd"]}}, "rejected", "['odd']"),
        (400, b"\xff\x00", "rejected", "\ufffd"),
        (302, b"", "garbled", NO_REASON),
        (408, b"", "timed_out", NO_REASON),
        (429, [], "rate_limited", "[]"),
    ],
)  # fmt: skip
def test_a_status_and_its_words(status, body, kind, message):
    """Status and word name the kind, details and wording refine it, the message is the upstream's."""
    found = failure(status, body)
    assert (found.kind, found.message, found.status) == (FailureKind(kind), message, status)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"status": "RESOURCE_EXHAUSTED", "code": 429}, "rate_limited"), ({"code": 429}, "rate_limited"),
        ({"status": "UNAVAILABLE"}, "overloaded"), ({"status": "INTERNAL"}, "overloaded"),
        ({"status": "INVALID_ARGUMENT"}, "rejected"), ({"status": "FAILED_PRECONDITION"}, "rejected"),
        ({"status": "PERMISSION_DENIED"}, "refused_key"), ({"status": "UNAUTHENTICATED"}, "refused_key"),
        ({"status": "NOT_FOUND"}, "no_such_model"), ({"status": "DEADLINE_EXCEEDED"}, "timed_out"),
        ({"status": "NEW_WORD", "code": 502}, "overloaded"), ({"status": "NEW_WORD"}, "garbled"),
        ({"status": ["odd"], "code": "429"}, "garbled"), ({"message": LONG}, "too_long"),
    ],
)  # fmt: skip
def test_an_error_inside_a_200(fields, kind):
    """Inside a 200 the word names the kind, else the code in the body."""
    assert error_failure(fields, 200).kind is FailureKind(kind)


@pytest.mark.parametrize(
    ("details", "seconds"),
    [
        ([retry("34.07s")], 34.07), ([retry("0.2s")], 1.0), ([retry("99999s")], 3600.0), ([retry("soon")], 7.0),
        ([retry(5)], 7.0), ([], 7.0), ([info("RATE_LIMIT_EXCEEDED", quotaResetDelay="1m2.5s")], 62.5),
        ([info("RATE_LIMIT_EXCEEDED", quotaResetDelay="1m2.5s"), retry("3s")], 3.0), ("odd", 7.0), (["odd"], 7.0),
    ],
)  # fmt: skip
def test_the_wait_is_the_one_that_google_names(details, seconds):
    """RetryInfo's delay counts, then the quota's reset, then the header; kept within bounds."""
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow", "details": details}}
    assert failure(429, body, retry_after="7").retry_after_s == seconds


def test_a_days_quota_does_not_wait_for_the_minute():
    """A used-up day with the minute's delay is benched for as long as a quota is; a longer wait is believed."""
    for delay, wait in (("45s", None), ("50m", 3000.0)):
        found = failure(429, error(429, "RESOURCE_EXHAUSTED", "day", quota(PER_DAY), retry(delay)))
        assert (found.kind, found.retry_after_s) == (FailureKind.QUOTA, wait)


@given(st.sampled_from([200, 302, 400, 401, 413, 429, 500]), json_values)
@settings(deadline=None)
def test_no_error_body_breaks_the_reading(status, body):
    """Any JSON as an error body makes a failure with words."""
    named = {"message": body, "code": body, "status": body, "details": [{"violations": [body], "metadata": body}]}
    for whole in (body, {"error": body}, [body], {"error": named}, {"error": {"details": body}}):
        assert failure(status, whole).message


def test_code_assist_says_when_in_words():
    """A plan that is used up tells in its message when it is back; a model that is busy for all is overloaded."""
    words = "You have exhausted your capacity on this model. Your quota will reset after {}."
    used_up = failure(429, error(429, "RESOURCE_EXHAUSTED", words.format("12m36s"), info("QUOTA_EXHAUSTED")))
    assert (used_up.kind, used_up.retry_after_s) == (FailureKind.QUOTA, 756.0)
    soon = failure(429, error(429, "RESOURCE_EXHAUSTED", words.format("41s"), info("RATE_LIMIT_EXCEEDED")))
    assert (soon.kind, soon.retry_after_s) == (FailureKind.RATE_LIMITED, 41.0)
    both = failure(429, error(429, "RESOURCE_EXHAUSTED", words.format("41s"), retry("3s")))
    assert both.retry_after_s == 3.0
    busy = error(429, "RESOURCE_EXHAUSTED", "No capacity available for model m on the server")
    assert failure(429, busy).kind is FailureKind.OVERLOADED
    reason = error(429, "RESOURCE_EXHAUSTED", "no", info("MODEL_CAPACITY_EXHAUSTED"))
    assert failure(429, reason).kind is FailureKind.OVERLOADED
