"""The parameters of a Responses request, its tools and its tool choice, in the words of Messages."""

import json

import pytest

from proxy.inbound.openai_parameters import JSON_ONLY
from tests.proxy.responses_requests import FUNCTION, TOOLS, USER, call, hub, parse, text

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
OPEN = {"type": "object", "properties": {}}


def names(*tools, **fields):
    return [tool["name"] for tool in hub(tools=list(tools), **fields)["tools"]]


def test_functions():
    """Functions are tools with an object schema; a history of calls without tools gets stubs nobody may call."""
    assert hub(tools=TOOLS)["tools"] == [
        {"name": "get_weather", "description": "w", "input_schema": OPEN}, {"name": "other", "input_schema": OPEN},
    ]  # fmt: skip
    assert "tool_choice" not in hub(tools=TOOLS)
    stubbed = hub(USER, call())
    assert (stubbed["tools"], stubbed["tool_choice"]) == (
        [{"name": "get_weather", "input_schema": OPEN}], {"type": "none"},
    )  # fmt: skip


def test_freeform_tools():
    """A freeform tool is a function with one text; its grammar is told in the description."""
    plain, grammar = hub(tools=[
        {"type": "custom", "name": "say", "description": "Say it.", "format": {"type": "text"}},
        {"type": "custom", "name": "patch", "description": "Patch.",
         "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}},
    ])["tools"]  # fmt: skip
    assert plain["description"] == "Say it."
    assert plain["input_schema"]["properties"] == {"input": {"type": "string"}}
    assert plain["input_schema"]["required"] == ["input"]
    assert grammar["description"] == "Patch.\n\n`input` must match this lark grammar:\nstart: x"


def test_tools_that_models_know_by_heart():
    """Shells and patches get a schema; a search among tools keeps the client's own; one of OpenAI's is left out."""
    tools = hub(tools=[
        {"type": "local_shell"}, {"type": "shell", "environment": {"type": "local"}}, {"type": "apply_patch"},
        {"type": "tool_search", "execution": "client", "description": "d", "parameters": SCHEMA},
        {"type": "tool_search"}, {"type": "file_search"}, {"type": "image_generation"}, FUNCTION,
    ])["tools"]  # fmt: skip
    assert [tool["name"] for tool in tools] == ["local_shell", "shell", "apply_patch", "tool_search", "get_weather"]
    assert all(tool["input_schema"]["type"] == "object" and tool["description"] for tool in tools)
    assert tools[3] == {"name": "tool_search", "description": "d", "input_schema": SCHEMA}


def test_the_web_search():
    """The web search is Anthropic's, with domains and place; there is one at most, whatever its name of the day."""
    place = {"type": "approximate", "city": "Paris", "region": None}
    tools = hub(tools=[
        {"type": "web_search", "filters": {"allowed_domains": ["x", 7]}, "user_location": place},
        {"type": "web_search_preview"},
    ])["tools"]  # fmt: skip
    assert tools == [{
        "type": "web_search_20250305", "name": "web_search", "allowed_domains": ["x"],
        "user_location": {"type": "approximate", "city": "Paris"},
    }]  # fmt: skip
    assert hub(tools=[{"type": "web_search_preview_2025_03_11"}])["tools"] == [
        {"type": "web_search_20250305", "name": "web_search"}
    ]


def test_a_search_that_stays_off_the_web_is_not_offered():
    """Who forbids access to the open web, as Codex does by default, gets no search that has it."""
    assert "tools" not in hub(tools=[{"type": "web_search", "external_web_access": False}])
    assert len(hub(tools=[{"type": "web_search", "external_web_access": True}])["tools"]) == 1


def test_hosted_tools_are_told_of():
    """Tools that the client's vendor runs are named to the model and in the notes, as are items nobody can place."""
    hosted = [{"type": kind} for kind in ("mcp", "file_search", "computer_use_preview", "code_interpreter", "mcp")]
    asked = parse(tools=[*hosted, FUNCTION, {"type": "function"}], instructions="be kind")
    assert [tool["name"] for tool in asked.parsed["tools"]] == ["get_weather"]
    assert [block["text"] for block in asked.parsed["system"]] == [
        "be kind",
        "Not available in this conversation: code interpreter, computer use preview, file search, mcp."
        " Say so instead of guessing results.",
    ]
    assert asked.left_out == ("tools dropped: code_interpreter, computer_use_preview, file_search, function, mcp",)
    items = [USER, {"type": "mcp_call", "id": "m"}, {"type": "computer_call", "call_id": "c"}, {"type": "x" * 90}]
    assert parse(input=items).left_out == (f"items dropped: computer_call, mcp_call, {'x' * 40}",)
    cached = parse(tools=[{"type": "web_search", "external_web_access": False}])
    assert cached.left_out == ("tools dropped: web_search",)
    assert "system" not in cached.parsed
    assert parse(tools=[*TOOLS, {"type": "web_search"}, {"type": "shell"}]).left_out == ()


def test_namespaces():
    """Tools in a namespace are offered under joined names; calls in the history find them."""
    inner = [{"type": "function", "name": "send"}, {"type": "custom", "name": "draft"}, {"type": "namespace"}, 7]
    space = {"type": "namespace", "name": "mail", "description": "d", "tools": inner}
    assert names(space, {"type": "namespace", "name": "m_", "tools": [{"name": "x"}]}) == [
        "mail__send", "mail__draft", "m_x",
    ]  # fmt: skip
    assert len(names({"type": "namespace", "name": "n" * 60, "tools": inner})[0]) == 64
    turns = hub(USER, call(name="send", namespace="mail"), tools=[space])["messages"]
    assert turns[1]["content"][0]["name"] == "mail__send"


def test_names_that_clash():
    """Two tools of one name are told apart; one that is described twice is offered once."""
    tools = [FUNCTION, FUNCTION, {"type": "custom", "name": "get_weather"}, {"type": "web_search"}]
    assert names(*tools, {"type": "function", "name": "web_search"}) == [
        "get_weather", "get_weather_1", "web_search", "web_search_1",
    ]  # fmt: skip
    custom = {"type": "custom_tool_call", "call_id": "c", "name": "get_weather", "input": "x"}
    turns = hub(USER, call(), custom, tools=tools)["messages"]
    assert [block["name"] for block in turns[1]["content"]] == ["get_weather", "get_weather_1"]


def test_tools_brought_later():
    """Tools that come amid the conversation are offered like all others."""
    brought = {"type": "additional_tools", "role": "developer", "tools": [TOOLS[1]]}
    assert [tool["name"] for tool in hub(brought, USER, tools=[FUNCTION])["tools"]] == ["get_weather", "other"]


CHOOSABLE = [*TOOLS, {"type": "custom", "name": "patch"}, {"type": "shell"}, {"type": "web_search"}]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", {"type": "none"}),
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ({"type": "function", "name": "other"}, {"type": "tool", "name": "other"}),
        ({"type": "custom", "name": "patch"}, {"type": "tool", "name": "patch"}),
        ({"type": "shell"}, {"type": "tool", "name": "shell"}),
        ({"type": "web_search_preview"}, {"type": "tool", "name": "web_search"}),
        ({"type": "function", "name": "patch"}, None),
        ({"type": "function"}, None),
        ({"type": "apply_patch"}, None),
        ({"type": "mcp", "server_label": "x"}, None),
        ({"type": ["odd"], "name": {}}, None),
        ("future", None),
        (7, None),
    ],
)
def test_tool_choice(choice, expected):
    """Every choice has its counterpart; a tool that is not offered cannot be forced."""
    assert hub(tools=CHOOSABLE, tool_choice=choice).get("tool_choice") == expected
    assert "tool_choice" not in hub(tool_choice=choice)


@pytest.mark.parametrize(("mode", "kind"), [("auto", "auto"), ("required", "any")])
def test_allowed_tools(mode, kind):
    """Of the tools offered only the allowed ones stay; a list that allows none of them is left aside."""
    listed = [{"type": "function", "name": "other"}, {"type": "shell"}, {"type": "web_search"}, 7]
    whole = hub(tools=CHOOSABLE, tool_choice={"type": "allowed_tools", "mode": mode, "tools": listed})
    assert [tool["name"] for tool in whole["tools"]] == ["other", "shell", "web_search"]
    assert whole["tool_choice"] == {"type": kind}
    for nothing in ([], 7, None):
        odd = {"type": "allowed_tools", "mode": mode, "tools": nothing}
        assert len(hub(tools=CHOOSABLE, tool_choice=odd)["tools"]) == 5


def test_parallel_tool_calls():
    """`parallel_tool_calls: false` is said to whatever choice can be told so."""
    off = {"tools": TOOLS, "parallel_tool_calls": False}
    assert hub(**off)["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert hub(**off, tool_choice="none")["tool_choice"] == {"type": "none"}
    assert "tool_choice" not in hub(parallel_tool_calls=False)


def adaptive(display):
    return {"type": "adaptive", "display": display}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_output_tokens": 7}, {"max_tokens": 7}),
        ({"temperature": 1.7, "top_p": 0.5}, {"temperature": 1, "top_p": None}),
        ({"top_p": 0.5, "temperature": None}, {"top_p": 0.5}),
        ({"reasoning": {"effort": "none"}, "temperature": 0}, {"thinking": {"type": "disabled"}, "temperature": 0}),
        (
            {"reasoning": {"effort": "minimal"}, "temperature": 0.2},
            {"thinking": adaptive("omitted"), "output_config": {"effort": "low"}, "temperature": None},
        ),
        (
            {"reasoning": {"effort": "xhigh", "summary": "auto"}},
            {"thinking": adaptive("summarized"), "output_config": {"effort": "xhigh"}},
        ),
        (
            {"reasoning": {"summary": "detailed"}, "top_p": 0.1},
            {"thinking": adaptive("summarized"), "output_config": None, "top_p": None},
        ),
        ({"reasoning": {"effort": "future", "summary": None}}, {"thinking": None, "output_config": None}),
        ({"reasoning": None}, {"thinking": None}),
        ({"user": "u-1"}, {"metadata": {"user_id": "u-1"}}),
        ({"user": "u-1", "safety_identifier": "s"}, {"metadata": {"user_id": "s"}}),
        ({"metadata": {"a": "b"}}, {"metadata": None}),
        ({"stream": True}, {"stream": True}),
        ({"text": {"format": {"type": "text"}}}, {"output_config": None, "system": None}),
        ({"text": {"format": {"type": "json_object"}}}, {"system": [text(JSON_ONLY)]}),
        ({"text": {"format": {"type": "json_schema"}}}, {"system": [text(JSON_ONLY)]}),
        (
            {
                "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
                "reasoning": {"effort": "max"},
            },
            {"output_config": {"effort": "max", "format": {"type": "json_schema", "schema": SCHEMA}}},
        ),
    ],
)
def test_parameters(fields, expected):
    """Each parameter has its counterpart, or none."""
    whole = hub(**fields)
    assert {key: whole.get(key) for key in expected} == expected


def user_id(**fields):
    return hub(**fields)["metadata"]["user_id"]


def test_the_cache_key_is_the_session():
    """`prompt_cache_key` names the session as Claude Code does, so that the log and other upstreams' caches know it."""
    assert json.loads(user_id(prompt_cache_key="k")) == {"session_id": "k"}
    assert json.loads(user_id(prompt_cache_key="k", user="u")) == {"device_id": "u", "session_id": "k"}


def test_long_names_are_hashed():
    """Anthropic takes 256 characters, the session key of Responses has 64."""
    assert len(user_id(user="x" * 300)) == 64
    told = json.loads(user_id(prompt_cache_key="k" * 70, user="u" * 70))
    assert (len(told["session_id"]), len(told["device_id"])) == (64, 64)
    assert told == json.loads(user_id(prompt_cache_key="k" * 70, user="u" * 70))
    quotes = user_id(prompt_cache_key='"' * 64, user='"' * 64)
    assert len(quotes) <= 256
    assert len(json.loads(quotes)["session_id"]) == 64
