"""The parameters of a Chat request, its tools and its tool choice, in the words of Messages."""

import pytest

from proxy.inbound.openai_parameters import JSON_ONLY
from tests.proxy.chat_requests import FUNCTION, TOOLS, USER, call, hub, parse, refusal, text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"n": 2}, "n: only 1"),
        ({"n": True}, "n: only 1"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": "many"}, "max_completion_tokens"),
    ],
)
def test_parameters_that_cannot_be_served_are_named(fields, words):
    """More than one answer and a limit that is no count are refused by name."""
    assert words in refusal(**fields).message


def test_tools():
    """Functions are tools with an object schema; a history of calls without tools gets stubs nobody may call."""
    offered = [{**FUNCTION, "input_schema": FUNCTION["parameters"]}, {"name": "other"}]
    offered[0].pop("parameters")
    offered[1]["input_schema"] = {"type": "object", "properties": {}}
    assert hub(tools=TOOLS)["tools"] == offered
    assert "tool_choice" not in hub(tools=TOOLS)
    stubbed = hub(USER, {"role": "assistant", "tool_calls": [call()]})
    assert stubbed["tools"] == [{"name": "get_weather", "input_schema": {"type": "object", "properties": {}}}]
    assert stubbed["tool_choice"] == {"type": "none"}
    assert hub(web_search_options={})["tools"] == [{"type": "web_search_20250305", "name": "web_search"}]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", {"type": "none"}),
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "other"}}, {"type": "tool", "name": "other"}),
        ({"type": "function", "function": {"name": "absent"}}, None),
        ("future", None),
        (7, None),
    ],
)
def test_tool_choice(choice, expected):
    """Every choice has its counterpart; a tool that is not offered cannot be forced."""
    assert hub(tools=TOOLS, tool_choice=choice).get("tool_choice") == expected
    assert "tool_choice" not in hub(tool_choice=choice)


@pytest.mark.parametrize(("mode", "kind"), [("auto", "auto"), ("required", "any")])
def test_allowed_tools(mode, kind):
    """Of the tools offered only the allowed ones stay; a list that allows none of them is left aside."""
    allowed = {"mode": mode, "tools": [{"type": "function", "function": {"name": "other"}}, 7]}
    whole = hub(tools=TOOLS, tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert [tool["name"] for tool in whole["tools"]] == ["other"]
    assert whole["tool_choice"] == {"type": kind}
    for listed in ([], 7, None):
        odd = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": listed}}
        assert len(hub(tools=TOOLS, tool_choice=odd)["tools"]) == 2


def test_parallel_tool_calls():
    """`parallel_tool_calls: false` is said to whatever choice can be told so."""
    off = {"tools": TOOLS, "parallel_tool_calls": False}
    assert hub(**off)["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert hub(**off, tool_choice="required")["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert hub(**off, tool_choice="none")["tool_choice"] == {"type": "none"}
    assert "tool_choice" not in hub(parallel_tool_calls=False)


def test_legacy_functions():
    """`functions`, `function_call` and function messages are tools, calls with ids of ours, and their results."""
    said = {"name": "get_weather", "arguments": '{"city":"Paris"}'}
    whole = hub(
        USER, {"role": "assistant", "content": None, "function_call": said},
        {"role": "function", "name": "get_weather", "content": "sun"},
        {"role": "assistant", "content": None, "function_call": said},
        {"role": "function", "name": "get_weather", "content": "rain"},
        functions=[FUNCTION], function_call={"name": "get_weather"},
    )  # fmt: skip
    assert whole["tools"][0]["name"] == "get_weather"
    assert whole["tool_choice"] == {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True}
    ids = [turn["content"][0]["id"] for turn in whole["messages"] if turn["role"] == "assistant"]
    results = [turn["content"][0] for turn in whole["messages"][2::2]]
    assert [result["tool_use_id"] for result in results] == ids
    assert ids[0] != ids[1]
    assert [result["content"] for result in results] == [[text("sun")], [text("rain")]]
    assert hub(functions=[FUNCTION], function_call="none")["tool_choice"] == {"type": "none"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_completion_tokens": 7, "max_tokens": 9}, {"max_tokens": 7}),
        ({"max_tokens": 9}, {"max_tokens": 9}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["\n", "END", 7, "STOP"]}, {"stop_sequences": ["END", "STOP"]}),
        ({"stop": "\n"}, {"stop_sequences": None}),
        ({"temperature": 1.7, "top_p": 0.5}, {"temperature": 1, "top_p": None}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"top_p": 0.5, "temperature": None}, {"top_p": 0.5}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}, "output_config": None}),
        ({"reasoning_effort": "minimal"}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ({"reasoning_effort": "high"}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ({"reasoning_effort": "xhigh", "temperature": 0.2}, {"temperature": None}),
        ({"reasoning_effort": "future"}, {"thinking": None, "output_config": None}),
        ({"user": "u-1"}, {"metadata": {"user_id": "u-1"}}),
        ({"user": "u-1", "safety_identifier": "s"}, {"metadata": {"user_id": "s"}}),
        ({"user": 7}, {"metadata": None}),
        ({"stream": True}, {"stream": True}),
        ({"response_format": {"type": "text"}}, {"output_config": None, "system": None}),
        ({"response_format": {"type": "json_object"}}, {"system": [text(JSON_ONLY)]}),
        ({"response_format": {"type": "json_schema"}}, {"system": [text(JSON_ONLY)]}),
    ],
)
def test_parameters(fields, expected):
    """Each parameter has its counterpart, or none."""
    whole = hub(**fields)
    assert {key: whole.get(key) for key in expected} == expected


def test_a_json_schema_and_an_effort_share_their_place():
    """`response_format` and `reasoning_effort` both end in `output_config`."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    config = hub(response_format=wanted, reasoning_effort="low")["output_config"]
    assert config == {"effort": "low", "format": {"type": "json_schema", "schema": schema}}


def test_a_long_user_name_is_hashed():
    """Anthropic takes 256 characters."""
    user_id = hub(user="x" * 300)["metadata"]["user_id"]
    assert len(user_id) == 64
    assert user_id == hub(user="x" * 300)["metadata"]["user_id"]


def test_tools_without_a_place_are_told_of():
    """Freeform tools and whatever else is no function of a name are noted, for Messages cannot offer them."""
    tools = [*TOOLS, {"type": "custom", "custom": {"name": "c"}}, {"type": "mcp"}, {"type": "function"}, 7]
    assert parse(tools=tools).left_out == ("tools dropped: custom, function, mcp",)
    assert parse(tools=TOOLS).left_out == parse(tools=7).left_out == ()
