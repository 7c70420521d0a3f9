"""Prompts that are too long, in every vendor's words, rewritten so that Claude Code acts on them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.outbound.wordings import NO_NUMBERS, too_long_message

NATIVE = "prompt is too long: 210000 tokens > 200000 maximum"
SPLIT = (
    "input length and `max_tokens` exceed context limit: 7000 + 4096 > 8192, "
    "decrease input length or `max_tokens` and try again"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NATIVE, NATIVE),
        (SPLIT, SPLIT),
        ("This model's maximum context length is 8192 tokens. However, you requested 11096 tokens (7000 in the "
         "messages, 4096 in the completion). Please reduce the length of the messages or completion.", SPLIT),
        ("This model's maximum context length is 200000 tokens. However, your messages resulted in 210000 tokens.",
         NATIVE),
        ("The input token count (210000) exceeds the maximum number of tokens allowed (200000).", NATIVE),
        ("This endpoint's maximum context length is 200000 tokens. However, you requested about 210000 tokens", NATIVE),
        ("the request exceeds the available context size, try increasing it", NO_NUMBERS),
        ("Your input exceeds the context window of this model. Please adjust your input and try again.", NO_NUMBERS),
        ("This model's maximum context length is 200,000 tokens. However, you requested 210,000 tokens", NATIVE),
        ("prompt is too long: 210,000 tokens > 200,000 maximum", NATIVE),
        ("Invalid request: Your request exceeded model token limit: 200000 (requested: 210000)", NATIVE),
        ("Input length 210000 exceeds maximum allowed token size 200000", NATIVE),
        ("Prompt contains 210000 tokens and 0 draft tokens, too large for model with 200000 maximum context length",
         NATIVE),
        ("'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 8192 "
         "tokens and your request has 7000 input tokens (4096 > 8192 - 7000).", SPLIT),
        ("`inputs` tokens + `max_new_tokens` must be <= 8192. Given: 7000 `inputs` tokens and 4096 `max_new_tokens`",
         SPLIT),
        ("Range of input length should be [1, 129024]", NO_NUMBERS),
        ("context_length_exceeded", NO_NUMBERS),
        ("Input is too long for requested model.", NO_NUMBERS),
        ("maximum context length is " + "9" * 5000 + " tokens, requested 5", NO_NUMBERS),
        ("Rate limit reached: 210000 tokens > 200000 per minute", None),
        ("max_tokens must be at most 8192", None),
        ("", None),
    ],
)  # fmt: skip
def test_the_wording_claude_code_acts_on(text, expected):
    """The numbers are kept and put in the right order; without numbers there is a token; other texts stay alone."""
    assert too_long_message(text) == expected


scraps = st.sampled_from([
    "maximum context length is ", "9", "prompt ", "tokens ", "exceeds ", "> ", "input ", "in the completion",
    "context window ",
])  # fmt: skip


@given(st.text() | st.lists(scraps, max_size=30).map("".join))
def test_no_text_breaks_the_rewriting(text):
    """Any text is left alone or becomes one of the three wordings."""
    said = too_long_message(text)
    assert said is None or said == NO_NUMBERS or said.startswith(("prompt is too long: ", "input length and "))


def test_a_huge_text_is_read_in_no_time():
    """A megabyte of near misses does not stall the proxy."""
    began = time.process_time()
    too_long_message("context window prompt 1 tokens input " * 30_000)
    assert time.process_time() - began < 5
