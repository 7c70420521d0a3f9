"""What Chat's errors mean: with a status, inside a 200, as text, as HTML."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import FailureKind
from providers.outbound.openai_chat import OPENAI_CHAT
from providers.outbound.openai_chat.errors import error_failure
from tests.providers.outbound.odd_bodies import json_values


def failure(status, body, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return OPENAI_CHAT.failure(status, {key.replace("_", "-"): value for key, value in headers.items()}, raw)


def error(message="no", **fields):
    return {"error": {"message": message, **fields}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (400, error("bad field"), "rejected", "bad field"),
        (422, {"detail": [{"loc": ["body"]}]}, "rejected", "[{'loc': ['body']}]"),
        (400, error("x", code="context_length_exceeded"), "too_long", "capability_rejected: prompt_too_long"),
        (400, error("maximum context length is 10 tokens. However, you requested 20 tokens"), "too_long",
         "prompt is too long: 20 tokens > 10 maximum"),
        (413, error("too big"), "too_long", "capability_rejected: prompt_too_long"),
        (401, error("Incorrect API key"), "refused_key", "Incorrect API key"),
        (403, b"forbidden", "refused_key", "forbidden"),
        (402, error("pay"), "quota", "pay"),
        (404, {"message": "no such model"}, "no_such_model", "no such model"),
        (408, b"", "timed_out", "the upstream gave no reason"),
        (429, error("slow"), "rate_limited", "slow"),
        (429, error("pay", code="insufficient_quota"), "quota", "pay"),
        (429, error("pay", type="insufficient_quota"), "quota", "pay"),
        (500, error("oops"), "overloaded", "oops"),
        (503, b"<html><body>down</body></html>", "overloaded",
         "the upstream answered with an HTML page instead of JSON"),
        (529, [error("array")], "overloaded", "array"),
        (302, b"", "garbled", "the upstream gave no reason"),
        (400, {"error": "as text"}, "rejected", "as text"),
        (400, {"error": None, "message": "beside"}, "rejected", "beside"),
        (400, b"\xff\x00", "rejected", "\ufffd"),
    ],
)  # fmt: skip
def test_a_status_and_its_words(status, body, kind, message):
    """The status names the kind, quota codes and too long prompts refine it, the message is the upstream's."""
    found = failure(status, body)
    assert (found.kind, found.message, found.status) == (FailureKind(kind), message, status)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (429, "rate_limited"), ("429", "rate_limited"), (502, "overloaded"), ("model_not_found", "no_such_model"),
        ("insufficient_quota", "quota"), ("invalid_api_key", "refused_key"), ("", "garbled"), ("strange", "garbled"),
        (None, "garbled"), ("9" * 5000, "garbled"), ("\u00b2", "garbled"), ([], "garbled"),
    ],
)  # fmt: skip
def test_an_error_inside_a_200(code, kind):
    """Inside a 200 the code names the kind."""
    assert error_failure({"message": "m", "code": code}, 200).kind is FailureKind(kind)


def test_the_wait_goes_along():
    """`retry-after` of the answer is kept with the failure."""
    assert failure(429, error("slow"), retry_after="7").retry_after_s == 7
    assert failure(429, error("slow")).retry_after_s is None


@given(st.sampled_from([200, 302, 400, 401, 413, 429, 500]), json_values)
def test_no_error_body_breaks_the_reading(status, body):
    """Any JSON as an error body makes a failure with words."""
    for whole in (body, {"error": body}, {"error": {"message": body, "code": body}}):
        assert failure(status, whole).message
