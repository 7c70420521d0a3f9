"""What the tools of OpenAI's dialects have in common."""

import pytest

from proxy.inbound.openai_tools import allowed_only, function_tool, stub_fields, tool_fields

TOOLS = [{"name": "a"}, {"name": "b"}]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (None, {"type": "object", "properties": {}}), (7, {"type": "object", "properties": {}}),
        ({"properties": {"x": {}}}, {"type": "object", "properties": {"x": {}}}),
        ({"type": "object"}, {"type": "object"}),
    ],
)  # fmt: skip
def test_every_function_has_a_schema(schema, expected):
    """What is no schema of an object becomes one."""
    assert function_tool("f", {"parameters": schema, "description": ""}) == {"name": "f", "input_schema": expected}
    assert function_tool("f", {"description": "d"})["description"] == "d"


def test_the_choice_and_one_call_at_a_time():
    """Whoever wants one call at a time says so in the choice, unless no call is wanted at all."""
    assert tool_fields(TOOLS, None, False) == {"tools": TOOLS}
    assert tool_fields(TOOLS, {"type": "any"}, False)["tool_choice"] == {"type": "any"}
    assert tool_fields(TOOLS, None, True)["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert tool_fields(TOOLS, {"type": "none"}, True)["tool_choice"] == {"type": "none"}


def test_stubs_for_what_was_called():
    """Tools that were called and are not offered are described, and nobody may call them."""
    assert stub_fields([]) == {}
    assert stub_fields(["f"])["tools"][0]["name"] == "f"
    assert stub_fields(["f"])["tool_choice"] == {"type": "none"}


def test_allowed_tools():
    """Only the allowed tools stay; a list that allows none of them is left aside."""
    assert allowed_only(TOOLS, {"b", "c"}, "required") == ([{"name": "b"}], {"type": "any"})
    assert allowed_only(TOOLS, {"b"}, "auto") == ([{"name": "b"}], {"type": "auto"})
    assert allowed_only(TOOLS, {"c"}, "auto") == (TOOLS, None)
