"""The checks against the vendors' own types: each refuses what its vendor would refuse."""

import pytest
from pydantic import ValidationError

from tests.official import CHECKS, check_chat, check_messages

HI = [{"role": "user", "content": "hi"}]
BODIES = {
    "anthropic_messages": {"model": "m", "max_tokens": 1, "messages": HI},
    "openai_chat": {"model": "m", "messages": HI},
    "openai_responses": {"model": "m", "input": [{"type": "message", **HI[0]}]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}
WRONG = {
    "anthropic_messages": {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "x": 1}]}]},
    "openai_chat": {"messages": [{"role": "tool", "tool_call_id": "1", "content": [{"type": "image_url"}]}]},
    "openai_responses": {"input": [{"type": "function_call", "call_id": "1", "name": "n"}]},
    "gemini": {"contents": [{"role": "user", "parts": [{"functionCall": {"name": "n", "arguments": {}}}]}]},
}


@pytest.mark.parametrize("wire_format", CHECKS)
def test_a_body_of_the_vendor_passes_and_another_does_not(wire_format):
    """A plain body passes; an unknown member, at the top or deep inside, or a missing one, does not."""
    check, body = CHECKS[wire_format], BODIES[wire_format]
    check(body)
    for wrong in ({"unheard_of": 1}, WRONG[wire_format]):
        with pytest.raises((ValidationError, AssertionError)):
            check({**body, **wrong})


def test_names_in_python_spelling_are_none_of_geminis():
    """The SDK takes its own spelling of a name as well; the wire does not."""
    with pytest.raises(AssertionError):
        CHECKS["gemini"]({**BODIES["gemini"], "generationConfig": {"max_output_tokens": 1}})


def test_what_is_taken_besides_passes():
    """Sampling of Messages' old version and what servers like OpenAI's take beyond it are no faults."""
    check_messages({**BODIES["anthropic_messages"], "temperature": 0.5})
    said = {"role": "assistant", "content": "hm", "reasoning_content": "h"}
    check_chat({**BODIES["openai_chat"], "messages": [*HI, said], "top_k": 4})
