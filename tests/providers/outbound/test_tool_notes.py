"""What is told of tools that do not arrive as they were asked for."""

import pytest

from providers.outbound.formats import OUTBOUND
from tests import cast

FORMATS = {
    "openai_chat": ("openai-compatible", "gpt-5.2"),
    "openai_responses": ("openai", "gpt-5.2"),
    "gemini": ("gemini", "gemini-3-pro"),
}  # fmt: skip
READ = {"name": "read", "input_schema": {"type": "object", "properties": {}}}


def repaired(wire_format, **body):
    preset, model = FORMATS[wire_format]
    target = cast.target("main", model, preset=preset, base_url="https://upstream.example/v1")
    assert target.preset.wire_format == wire_format
    asked = {"model": "m", "max_tokens": 2000, "messages": [{"role": "user", "content": "hi"}], **body}
    return OUTBOUND[wire_format].request(cast.request(asked), target).repaired


@pytest.mark.parametrize("wire_format", FORMATS)
def test_a_server_tool_that_nobody_runs_is_told(wire_format):
    """The model is told in words that it has no code execution, and the request's why line tells that too."""
    tools = [READ, {"type": "code_execution_20260120", "name": "code_execution"}]
    assert repaired(wire_format, tools=tools) == ("unavailable tools told in words",)
    assert repaired(wire_format, tools=[READ]) == ()


@pytest.mark.parametrize("wire_format", FORMATS)
def test_a_choice_of_what_is_not_offered_is_told(wire_format):
    """A tool choice that names a tool nobody offers is left out, and said to be; one that is offered is kept."""
    choice = {"type": "tool", "name": "write"}
    assert repaired(wire_format, tools=[READ], tool_choice=choice) == (
        "tool_choice of a tool that is not offered dropped",
    )
    assert repaired(wire_format, tools=[READ], tool_choice={"type": "tool", "name": "read"}) == ()
