"""Messages requests as GenerateContent bodies: every field finds its place, and nothing the inbound takes breaks it."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings

from providers.errors import UpstreamFailure
from providers.outbound.gemini.request import build_body
from providers.wire.spans import MalformedJson, dumps
from tests.cast import request
from tests.providers.outbound.gemini_cast import (
    ASK,
    IMAGE,
    NEW,
    OLD,
    ONE,
    TWO,
    assistant,
    call,
    check_body,
    notes,
    result,
    sent,
    text,
    thinking,
    to,
    turns,
    user,
)  # fmt: skip
from tests.providers.outbound.odd_bodies import odd_bodies


def test_the_system_prompt_leads_without_the_billing_line():
    """The system texts are the instruction; the client's billing line, which would break caches, is gone."""
    system = [text("x-anthropic-billing-header: cch=0af1"), text("be kind"), text("be brief")]
    assert sent({"system": system})["systemInstruction"] == {"parts": [{"text": "be kind\n\nbe brief"}]}
    assert "systemInstruction" not in sent({"system": ""})
    assert list(sent({"system": "s", "tools": [TOOL], "tool_choice": {"type": "any"}})) == [
        "contents", "systemInstruction", "tools", "toolConfig", "generationConfig",
    ]  # fmt: skip


SCHEMA = {"$schema": "s", "type": "object", "properties": {"a": {"type": "string"}}}
TOOL = {"name": "Read", "description": "reads", "input_schema": SCHEMA}
WEB = {"type": "web_search_20250305", "name": "web_search"}


def test_tools_are_function_declarations():
    """Functions go with a cleaned JSON Schema, at Code Assist as the older message; each name once and legal."""
    tools = [TOOL, TOOL, {"name": "1odd", "input_schema": {}}, {"name": "DeferredToolPlaceholder"}]
    (offered,) = sent({"tools": tools})["tools"]
    first, second = offered["functionDeclarations"]
    cleaned = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert first == {"name": "Read", "description": "reads", "parametersJsonSchema": cleaned}
    assert second["name"].startswith("_1odd_")
    (older,) = sent({"tools": tools}, addressing="code_assist")["tools"]
    assert older["functionDeclarations"] == [
        {"name": "Read", "description": "reads",
         "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}},
        {"name": second["name"]},
    ]  # fmt: skip
    made = turns(ASK, assistant(call(ONE, "1odd")), user(result(ONE)))
    assert made[1]["parts"][0]["functionCall"]["name"] == made[2]["parts"][0]["functionResponse"]["name"]


def test_a_search_alone_is_run_by_google():
    """The search tool alone is Google's; beside functions, and other server tools, the model is told there is none."""
    alone = sent({"tools": [WEB], "tool_choice": {"type": "auto"}, "system": "s"})
    assert alone["tools"] == [{"googleSearch": {}}]
    assert "toolConfig" not in alone
    assert alone["systemInstruction"] == {"parts": [{"text": "s"}]}
    beside = sent({"tools": [WEB, TOOL]})
    assert list(beside["tools"][0]) == ["functionDeclarations"]
    assert beside["systemInstruction"]["parts"][0]["text"].startswith("Not available in this conversation: web search.")
    fetch = {"type": "web_fetch_20250910", "name": "web_fetch"}
    assert "web fetch." in sent({"tools": [fetch, WEB]})["systemInstruction"]["parts"][0]["text"]
    assert notes({"tools": [{**WEB, "allowed_domains": ["x"]}]}) == ("search domain filter dropped",)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto", "disable_parallel_tool_use": True}, {"mode": "AUTO"}), ({"type": "any"}, {"mode": "ANY"}),
        ({"type": "none"}, {"mode": "NONE"}),
        ({"type": "tool", "name": "Read"}, {"mode": "ANY", "allowedFunctionNames": ["Read"]}),
        ({"type": "tool", "name": "gone"}, None), ({"type": []}, None), (None, None), ("auto", None),
    ],
)  # fmt: skip
def test_tool_choice_is_a_mode(choice, expected):
    """The choice is translated when functions are offered, dropped when it names one that is not."""
    body = sent({"tools": [TOOL], "tool_choice": choice})
    assert body.get("toolConfig") == (expected and {"functionCallingConfig": expected})
    assert "toolConfig" not in sent({"tool_choice": choice})


def test_limits_and_sampling():
    """The output limit is clamped to the model's, the first five stops are sent, others are applied later."""
    asked = {
        "max_tokens": 128000, "temperature": 0.5, "top_p": 1, "top_k": 5, "stop_sequences": [*"abc", " ", *"defg", 7],
    }  # fmt: skip
    assert sent(asked, max_output_tokens=8000)["generationConfig"] == {
        "maxOutputTokens": 8000, "temperature": 0.5, "topP": 1, "topK": 5, "stopSequences": [*"abcde"],
    }  # fmt: skip
    assert notes(asked) == ()
    odd = {"max_tokens": True, "temperature": "x", "top_p": True, "top_k": 1.5, "stop_sequences": 7}
    assert "generationConfig" not in sent(odd)
    assert sent({"max_tokens": 1024})["generationConfig"] == {"maxOutputTokens": 1024}


@pytest.mark.parametrize(("model", "fields", "expected"), [
    (NEW, {}, 1031), (NEW, {"thinking": {"type": "disabled"}}, 1031), (OLD, {}, 1031),
    ("gemini-2.5-flash", {"thinking": {"type": "disabled"}}, 7), ("gemini-2.5-flash", {}, 1031),
    ("gemini-2.5-flash-lite", {}, 7), ("gemini-2.5-flash-lite", {"thinking": {"type": "adaptive"}}, 1031),
    ("gemini-2.0-flash", {}, 7), ("gemini-3-pro-image", {}, 7),
])  # fmt: skip
def test_a_small_limit_leaves_room_to_think(model, fields, expected):
    """Gemini counts thoughts into the limit: where the model thinks, a small one is raised, and that is told."""
    body = {"max_tokens": 7, **fields}
    assert sent(body, model=model)["generationConfig"]["maxOutputTokens"] == expected
    told = (f"max_tokens 7 sent as {expected}, thoughts included",) if expected > 7 else ()
    assert notes(body, model=model) == told
    assert sent(body, model=model, max_output_tokens=500)["generationConfig"]["maxOutputTokens"] == min(expected, 500)


def test_a_wanted_schema_is_a_response_schema():
    """`output_config.format` becomes a JSON answer; before Gemini 3 tools go before it, and that is noted."""
    wanted = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
    config = sent(wanted, model=OLD)["generationConfig"]
    assert config["responseMimeType"] == "application/json"
    assert config["responseJsonSchema"] == {"type": "object", "properties": {"a": {"type": "string"}}}
    with_tools = {**wanted, "tools": [TOOL]}
    assert "responseJsonSchema" in sent(with_tools)["generationConfig"]
    assert "responseMimeType" not in sent(with_tools, model=OLD)["generationConfig"]
    assert notes(with_tools, model=OLD) == ("output format dropped beside tools",)
    assert notes({**wanted, "tools": [WEB]}, model=OLD) == ("output format dropped beside tools",)
    assert "responseMimeType" not in sent({"output_config": {"format": "json"}})["generationConfig"]


CONVERSATION = [
    ASK, assistant(thinking("hm"), text("one"), call(ONE), call(TWO)), user(result(TWO), result(ONE), text("and")),
    {"role": "system", "content": "brief"}, assistant(call("call_3", "x" * 80)), user(result("call_3", [IMAGE])),
    assistant(text("done")), user(text("more")),
]  # fmt: skip


@pytest.mark.parametrize("model", [NEW, OLD])
def test_a_later_turn_begins_with_the_earlier_one(model):
    """The contents of turn n are the beginning of those of turn n+1, byte for byte, and the same request the same."""
    whole = turns(*CONVERSATION, model=model)
    for count in (1, 4, 6, 8):
        earlier = turns(*CONVERSATION[:count], model=model)
        assert dumps(whole).startswith(dumps(earlier)[:-1])
    body = {"messages": CONVERSATION, "tools": [TOOL], "system": "s"}
    check_body(sent(body, model=model))
    assert dumps(sent(body, model=model)) == dumps(sent(body, model=model))


@given(odd_bodies)
@settings(max_examples=100, deadline=None)
def test_no_accepted_body_breaks_the_translation(body):
    """Whatever shape the members of a request have, it is translated or refused, and never into what Google refuses."""
    for addressing, model in (("", NEW), ("code_assist", OLD)):
        with suppress(UpstreamFailure):
            check_body(sent(body, model=model, addressing=addressing))


def test_a_body_that_cannot_be_read_is_refused():
    """A body the scan let through but the parser does not is reported, not guessed at."""
    plain = request()
    with pytest.raises(MalformedJson):
        build_body(replace(plain, body=plain.body[:-1] + b',"x":1e999}'), to())
