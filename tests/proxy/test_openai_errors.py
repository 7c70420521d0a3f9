"""OpenAI's error envelope: the member at fault is the dialect's own."""

import json

import pytest

from proxy.errors import ApiError
from proxy.inbound.openai_errors import error_body, error_fields

TOO_LONG = ["prompt is too long: 9 tokens > 8 maximum", "capability_rejected: prompt_too_long"]


@pytest.mark.parametrize("words", TOO_LONG)
@pytest.mark.parametrize("prompt", ["messages", "input"])
def test_a_prompt_that_is_too_long(words, prompt):
    """Programs find the code they shorten the conversation for, with numbers in the message or without."""
    error = ApiError(400, "invalid_request_error", words)
    fields = error_fields(error, prompt)
    assert (fields["code"], fields["param"]) == ("context_length_exceeded", prompt)
    assert json.loads(error_body(error, prompt)) == {"error": fields}


def test_chat_is_the_default():
    """Who names no member speaks Chat."""
    error = ApiError(400, "invalid_request_error", TOO_LONG[0])
    assert error_body(error) == error_body(error, "messages")
