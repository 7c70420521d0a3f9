"""What errors of Responses and of the Codex backend mean: with a status, inside a 200, as text, as HTML."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import FailureKind
from providers.outbound.openai_responses.errors import error_failure, status_failure
from tests.providers.outbound.odd_bodies import json_values

HTML = "the upstream answered with an HTML page instead of JSON"


def failure(status, body, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return status_failure(status, {key.replace("_", "-"): value for key, value in headers.items()}, raw)


def error(message="no", **fields):
    return {"error": {"message": message, **fields}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (400, error("bad field"), "rejected", "bad field"),
        (400, {"detail": "Unsupported parameter: max_output_tokens"}, "rejected",
         "Unsupported parameter: max_output_tokens"),
        (400, error("Unsupported parameter: 'top_p' is not supported with this model."), "rejected",
         "Unsupported parameter: 'top_p' is not supported with this model."),
        (422, {"detail": [{"loc": ["body"]}]}, "rejected", "[{'loc': ['body']}]"),
        (400, error("Your input exceeds the context window of this model.", code="context_length_exceeded"), "too_long",
         "capability_rejected: prompt_too_long"),
        (400, error("x", code="context_length_exceeded"), "too_long", "capability_rejected: prompt_too_long"),
        (400, error("maximum context length is 10 tokens. However, you requested 20 tokens"), "too_long",
         "prompt is too long: 20 tokens > 10 maximum"),
        (400, error("The encrypted content gAAA could not be verified.", code="invalid_encrypted_content"),
         "incapable", "capability_rejected: thinking_signature"),
        (400, error("Item 'rs_1' of type 'reasoning' was provided without its required following item."),
         "incapable", "capability_rejected: thinking_signature"),
        (404, error("Item with id 'rs_1' not found. Items are not persisted when `store` is set to false."),
         "incapable", "capability_rejected: thinking_signature"),
        (413, error("too big"), "too_long", "capability_rejected: prompt_too_long"),
        (401, error("Incorrect API key"), "refused_key", "Incorrect API key"),
        (403, b"forbidden", "refused_key", "forbidden"),
        (403, error("no plan", type="usage_not_included"), "quota", "no plan"),
        (402, error("pay"), "quota", "pay"),
        (404, {"message": "no such model"}, "no_such_model", "no such model"),
        (400, error("The model 'x' does not exist", code="model_not_found"), "no_such_model",
         "The model 'x' does not exist"),
        (400, {"detail": "The 'gpt-9.1' model is not supported here."}, "no_such_model",
         "The 'gpt-9.1' model is not supported here."),
        (408, b"", "timed_out", "the upstream gave no reason"),
        (429, error("slow"), "rate_limited", "slow"),
        (429, error("pay", code="insufficient_quota"), "quota", "pay"),
        (429, error("The usage limit has been reached", type="usage_limit_reached"), "quota",
         "The usage limit has been reached"),
        (500, error("oops"), "overloaded", "oops"),
        (503, b"<html><body>down</body></html>", "overloaded", HTML),
        (529, [error("array")], "overloaded", "array"),
        (302, b"", "garbled", "the upstream gave no reason"),
        (400, {"error": "as text"}, "rejected", "as text"),
        (400, {"error": None, "message": "beside"}, "rejected", "beside"),
        (400, b"\xff\x00", "rejected", "\ufffd"),
    ],
)  # fmt: skip
def test_a_status_and_its_words(status, body, kind, message):
    """The status names the kind; quotas, unknown models and too long prompts refine it; the words stay."""
    found = failure(status, body)
    assert (found.kind, found.message, found.status) == (FailureKind(kind), message, status)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("rate_limit_exceeded", "rate_limited"), ("server_error", "overloaded"), ("slow_down", "overloaded"),
        ("invalid_prompt", "rejected"), ("invalid_image_format", "rejected"), ("bio_policy", "rejected"),
        ("insufficient_quota", "quota"), ("usage_limit_reached", "quota"), ("invalid_api_key", "refused_key"),
        ("model_not_found", "no_such_model"), ("context_length_exceeded", "too_long"),
        ("vector_store_timeout", "timed_out"), (429, "rate_limited"), ("502", "overloaded"), ("200", "garbled"),
        ("", "garbled"), ("strange", "garbled"), (None, "garbled"), ("9" * 5000, "garbled"), ("\u00b2", "garbled"),
        ([], "garbled"),
    ],
)  # fmt: skip
def test_an_error_inside_a_200(code, kind):
    """Inside a 200 or a stream the code names the kind; a rejection is told with the status it should have had."""
    found = error_failure({"message": "m", "code": code}, 200)
    assert found.kind is FailureKind(kind)
    assert found.status == (400 if kind == "rejected" else 200)


@pytest.mark.parametrize(
    ("fields", "headers", "wait"),
    [
        ({"resets_in_seconds": 90}, {"retry_after": "7"}, 90),
        ({"resets_in_seconds": 500_000}, {}, 3600),
        ({"resets_in_seconds": 0}, {}, 1),
        ({"resets_at": 1_760_000_060}, {"date": "Thu, 09 Oct 2025 08:53:20 GMT"}, 60),
        ({"resets_at": 1_760_000_060}, {}, None),
        ({"resets_at": 1_760_000_060}, {"retry_after": "7", "date": "yesterday"}, 7),
        ({"resets_in_seconds": "90", "resets_at": True}, {}, None),
        ({"resets_in_seconds": 10**400}, {}, None),
        ({}, {"retry_after": "7"}, 7),
        ({"message": "Rate limit reached. Please try again in 11.5s."}, {}, 11.5),
        ({"message": "Please try again in 2500ms."}, {}, 2.5),
        ({"message": "Please try again in 3 seconds."}, {"retry_after": "7"}, 7),
        ({"message": "Please try again later."}, {}, None),
    ],
)  # fmt: skip
def test_the_wait_goes_along(fields, headers, wait):
    """What the error says of its end counts first, then the headers, then its words; always 1 s to 1 h."""
    found = failure(429, {"error": {"type": "usage_limit_reached", **fields}}, **headers)
    assert found.kind is FailureKind.QUOTA
    assert found.retry_after_s == wait


@given(st.sampled_from([200, 302, 400, 401, 413, 429, 500]), json_values)
def test_no_error_body_breaks_the_reading(status, body):
    """Any JSON as an error body makes a failure with words."""
    fields = {"message": body, "code": body, "type": body, "resets_in_seconds": body, "resets_at": body}
    for whole in (body, {"error": body}, {"error": fields}):
        assert failure(status, whole).message
