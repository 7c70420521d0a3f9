"""Messages requests in the words of Responses: every field finds its place, and nothing the inbound takes breaks it."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings

from providers.errors import UpstreamFailure
from providers.outbound.openai_responses.request import build_body
from providers.wire.spans import MalformedJson, dumps
from tests.cast import request
from tests.providers.outbound.odd_bodies import odd_bodies
from tests.providers.outbound.responses_cast import (
    CODEX,
    PLATFORM,
    SCHEMA,
    assistant,
    build,
    call,
    counted,
    result,
    said,
    sent,
    text,
    upstream,
    user,
    with_quirks,
)

READ = {"name": "Read", "description": "reads", "input_schema": SCHEMA}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
BLIND = with_quirks(efforts=())


def test_the_smallest_request():
    """Model, input and limit are told; nothing is stored and nothing of Anthropic's goes along."""
    assert sent() == {
        "model": "gpt-5.2", "input": [said("hi")], "max_output_tokens": 16, "store": False,
    }  # fmt: skip
    odd = {"context_management": {"edits": []}, "container": "c", "safeguards": [], "fallbacks": "default", "x": 1}
    assert build(odd) == build()


FULL = {
    "model": "claude-x", "max_tokens": 1000, "system": "s", "tools": [READ, SEARCH],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "adaptive", "display": "summarized"}, "speed": "fast", "stream": True,
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    "metadata": {"user_id": '{"device_id":"d","session_id":"s-1"}'}, "temperature": 1, "top_p": 0.5,
}  # fmt: skip
ORDER = [
    "model", "instructions", "input", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "include", "text",
    "max_output_tokens", "service_tier", "prompt_cache_key", "safety_identifier", "store", "stream",
]  # fmt: skip


def test_the_keys_have_a_fixed_order():
    """Whatever order the client's fields come in, the body is the same: caches live on it."""
    body = sent(FULL)
    assert list(body) == ORDER
    assert dumps(sent(dict(reversed(FULL.items())))) == dumps(body)


def test_the_codex_backend_takes_a_subset():
    """Always a stream, always instructions, no limit, no user, no sampling, no system message."""
    assert list(sent(FULL, CODEX)) == [
        key for key in ORDER if key not in ("max_output_tokens", "safety_identifier")
    ]  # fmt: skip
    inline = {"role": "system", "content": "brief"}
    body = sent({"messages": [user(text("a")), inline], "temperature": 1}, replace(CODEX, quirks=BLIND.quirks))
    assert body == {
        "model": "gpt-5.2", "instructions": "", "input": [said("a"), said("brief", role="developer")],
        "store": False, "stream": True,
    }  # fmt: skip
    assert "service_tier" not in sent({"service_tier": "auto"}, CODEX)
    assert counted(preset=CODEX) == {"model": "gpt-5.2", "instructions": "", "input": [said("hi")]}


def test_a_counter_reads_what_the_model_would():
    """Counting sends the same input, instructions and tools as asking, and no more."""
    body = sent(FULL)
    assert counted(FULL) == {key: body[key] for key in ("model", "instructions", "input", "tools")}
    assert counted() == {"model": "gpt-5.2", "input": [said("hi")]}


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("be kind", "be kind"),
        ([text("a"), text("b")], "a\n\nb"),
        ([text("x-anthropic-billing-header: cc=1; cch=0af1"), text("b")], "b"),
        ("", None), (None, None), (7, None),
    ],
)  # fmt: skip
def test_the_system_prompt_is_the_instructions(system, expected):
    """The system texts are the instructions, without the client's billing line; without any there is no key."""
    assert sent({"system": system}).get("instructions") == expected


def test_tools_are_functions_that_are_not_strict():
    """Each function says that it is not strict, has an object's schema, and the placeholder goes nowhere."""
    body = sent({"tools": [
        {**READ, "cache_control": {"type": "ephemeral"}, "strict": True, "defer_loading": True},
        {"name": "Bare", "input_schema": {"anyOf": []}}, {"name": "DeferredToolPlaceholder", "input_schema": SCHEMA},
        {"type": "bash_20250124", "name": "bash"}, {"name": "mcp__" + "x" * 80, "input_schema": SCHEMA},
    ]})["tools"]  # fmt: skip
    assert body[0] == {
        "type": "function", "name": "Read", "description": "reads", "parameters": SCHEMA, "strict": False,
    }  # fmt: skip
    assert body[1] == {
        "type": "function", "name": "Bare", "parameters": {"anyOf": [], "properties": {}, "type": "object"},
        "strict": False,
    }  # fmt: skip
    assert [tool["name"] for tool in body[2:3]] == ["bash"]
    assert "command" in body[2]["parameters"]["properties"]
    assert len(body[3]["name"]) == 64
    assert len(body) == 4


def test_a_long_name_is_the_same_everywhere():
    """A tool, a call of it and a choice of it get the same legal name."""
    name = "mcp__" + "x" * 80
    body = sent({
        "messages": [assistant(call("c", name)), user(result("c"))],
        "tools": [{"name": name, "input_schema": SCHEMA}], "tool_choice": {"type": "tool", "name": name},
    })  # fmt: skip
    assert body["tools"][0]["name"] == body["input"][0]["name"] == body["tool_choice"]["name"] != name


def test_a_web_search_is_the_upstreams_own():
    """Allowed domains and the user's place go along; blocked domains cannot, and that is told."""
    place = {"type": "approximate", "city": "Bern", "country": "CH", "region": None, "postcode": "1"}
    full = {**SEARCH, "max_uses": 8, "allowed_domains": ["a.org"], "user_location": place}
    assert sent({"tools": [full, READ]})["tools"][1:] == [{
        "type": "web_search", "filters": {"allowed_domains": ["a.org"]},
        "user_location": {"type": "approximate", "city": "Bern", "country": "CH"},
    }]  # fmt: skip
    body, notes = build({"tools": [{**SEARCH, "blocked_domains": ["b.org"]}, SEARCH]})
    assert body["tools"] == [{"type": "web_search"}]
    assert notes == ("blocked_domains dropped",)
    assert "instructions" not in body


def test_other_server_tools_are_said_to_be_unavailable():
    """A tool only Anthropic can run is not offered; the model and the log are told so."""
    tools = [SEARCH, {"type": "code_execution_20250825", "name": "code_execution"}]
    body, notes = build({"system": "s", "tools": tools})
    assert body["instructions"].startswith("s\n\nNot available in this conversation: code execution.")
    assert body["tools"] == [{"type": "web_search"}]
    assert notes == ("unavailable tools told in words",)
    assert "tools" not in sent({"tools": tools[1:], "tool_choice": {"type": "any"}})
    assert "tool_choice" not in sent({"tools": tools[1:], "tool_choice": {"type": "any"}})


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "tool", "name": "Read"}, {"tool_choice": {"type": "function", "name": "Read"}}),
        ({"type": "tool", "name": "other"}, {}),
        ({"type": "tool", "name": "web_search"}, {}),
        ({"type": "auto", "disable_parallel_tool_use": True}, {"tool_choice": "auto", "parallel_tool_calls": False}),
        ({"type": "strange"}, {}), (None, {}), ("auto", {}),
    ],
)  # fmt: skip
def test_tool_choice(choice, expected):
    """The choice is translated when tools are offered, dropped when it names a tool that is not, absent without."""
    body = sent({"tools": [READ], "tool_choice": choice})
    assert {key: body[key] for key in ("tool_choice", "parallel_tool_calls") if key in body} == expected
    assert "tool_choice" not in sent({"tool_choice": choice})


def test_a_forced_search():
    """A search that is the only tool is forced by requiring a call; a server may not take the parallel switch."""
    forced = {"tools": [SEARCH], "tool_choice": {"type": "tool", "name": "web_search"}}
    assert sent(forced)["tool_choice"] == "required"
    assert "tool_choice" not in sent({**forced, "tools": [READ, SEARCH]})
    assert "tool_choice" not in sent({**forced, "tool_choice": {"type": "tool", "name": "other"}})
    one_by_one = {"tools": [READ], "tool_choice": {"type": "any", "disable_parallel_tool_use": True}}
    assert "parallel_tool_calls" not in sent(one_by_one, with_quirks(parallel_tool_calls=False))


@pytest.mark.parametrize(
    ("asked", "most", "expected"),
    [(128000, None, 128000), (128000, 8000, 8000), (0, None, 16), (10, 8000, 16), (-1, 8000, None), (True, 1, None),
     ("9", 1, None)],
)  # fmt: skip
def test_the_output_limit(asked, most, expected):
    """The limit is clamped to the model's, and raised to the least the API takes."""
    assert sent({"max_tokens": asked}, max_output_tokens=most).get("max_output_tokens") == expected


def test_sampling_only_where_models_do_not_reason():
    """Models that reason refuse sampling settings, and so does the Codex backend; what is dropped is told."""
    asked = {"temperature": 0.5, "top_p": 1}
    body, notes = build(asked, BLIND)
    assert (body["temperature"], body["top_p"], notes) == (0.5, 1, ())
    for preset in (PLATFORM, CODEX):
        body, notes = build(asked, preset)
        assert not asked.keys() & body.keys()
        assert notes == ("sampling settings dropped",)
    assert build({"top_k": 5}, BLIND)[1] == ("sampling settings dropped",)
    assert build({"temperature": True, "stop_sequences": ["a"]}, BLIND)[0] == sent(preset=BLIND)


ENCRYPTED = ["reasoning.encrypted_content"]


@pytest.mark.parametrize(
    ("body", "reasoning", "include"),
    [
        ({}, None, None),
        ({"output_config": {"effort": "medium"}}, {"effort": "medium"}, ENCRYPTED),
        ({"output_config": {"effort": "absurd"}}, None, None),
        ({"thinking": {"type": "adaptive"}}, {"summary": "auto"}, ENCRYPTED),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, None, ENCRYPTED),
        ({"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "high"}},
         {"effort": "high"}, ENCRYPTED),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"effort": "low", "summary": "auto"}, ENCRYPTED),
        ({"thinking": {"type": "disabled"}}, {"effort": "low"}, None),
        ({"thinking": {"type": "between_tools"}, "output_config": {"effort": "high"}}, {"effort": "low"}, None),
        ({"output_config": {"effort": "high"}, "messages": [
            user(text("a")), {"role": "system", "output_config": {"effort": "low"}}]}, {"effort": "low"}, ENCRYPTED),
    ],
)  # fmt: skip
def test_effort_and_thinking(body, reasoning, include):
    """Effort and a wish to read the thinking are told; the encrypted blobs are asked for when thinking is wanted."""
    made = sent(body)
    assert (made.get("reasoning"), made.get("include")) == (reasoning, include)
    assert not {"reasoning", "include"} & set(sent(body, BLIND))


def test_an_effort_the_vendor_lacks_is_lowered_and_told():
    """The nearest lower effort of the preset is asked for; thinking that cannot be off is least."""
    hard = {"output_config": {"effort": "xhigh"}}
    assert build(hard)[0]["reasoning"] == {"effort": "high"}
    assert build(hard)[1] == ("effort xhigh sent as high",)
    wide = with_quirks(efforts=("none", "low", "medium", "high", "xhigh"))
    assert build(hard, wide) == (build(hard)[0] | {"reasoning": {"effort": "xhigh"}}, ())
    off = {"thinking": {"type": "disabled"}}
    assert build(off, wide)[0]["reasoning"] == {"effort": "none"}
    assert build(off)[1] == ("effort none sent as low",)


CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (CLOSED, True),
        (SCHEMA, False),
        ({**CLOSED, "required": []}, False),
        ({**CLOSED, "required": [{}]}, False),
        ({**CLOSED, "properties": {"a": SCHEMA}}, False),
        ({**CLOSED, "properties": {"a": {"type": "array", "items": CLOSED}}}, True),
        ({**CLOSED, "properties": {"a": {"anyOf": [CLOSED, SCHEMA]}}}, False),
        ({"type": "array", "items": CLOSED}, False),
    ],
)  # fmt: skip
def test_a_wanted_schema_is_a_text_format(schema, strict):
    """It is strict only where the API would take it as such: all properties required, no others allowed."""
    wanted = {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    expected = {"type": "json_schema", "name": "response", "schema": schema, "strict": strict}
    assert sent(wanted)["text"] == {"format": expected}


def test_formats_of_other_shapes():
    """A server without schemas is asked for JSON; a format that is none is dropped."""
    wanted = {"output_config": {"format": {"type": "json_schema", "schema": 7}}}
    assert sent(wanted)["text"]["format"]["schema"] == {"type": "object"}
    assert sent(wanted, with_quirks(json_schema=False))["text"] == {"format": {"type": "json_object"}}
    assert "JSON Schema" in sent(wanted, with_quirks(json_schema=False))["instructions"]
    assert "text" not in sent({"output_config": {"format": "json"}})


@pytest.mark.parametrize(
    ("asked", "tier"),
    [({"speed": "fast"}, "priority"), ({"speed": "standard"}, None), ({"service_tier": "auto"}, "auto"),
     ({"service_tier": "standard_only"}, "default"), ({"service_tier": "flex"}, None), ({"service_tier": {}}, None),
     ({"speed": "fast", "service_tier": "standard_only"}, "priority")],
)  # fmt: skip
def test_the_service_tier(asked, tier):
    """Speed and tier become the tier of the same meaning."""
    assert sent(asked).get("service_tier") == tier


def test_the_user_is_a_hash_and_the_session_keys_the_cache():
    """Both go along when the client names them, else neither."""
    body = sent({"metadata": {"user_id": '{"device_id":"d","session_id":"s-1"}'}})
    assert (len(body["safety_identifier"]), body["prompt_cache_key"]) == (32, "s-1")
    assert not {"prompt_cache_key", "safety_identifier"} & set(sent({"metadata": 7}))


def test_a_stream_is_asked_for_when_the_client_does():
    """`stream` is told only when wanted; the Codex backend does nothing else."""
    assert sent({"stream": True})["stream"] is True
    assert "stream" not in sent({"stream": False})
    assert sent({"stream": False}, CODEX)["stream"] is True


@given(odd_bodies)
@settings(max_examples=100, deadline=None)
def test_no_accepted_body_breaks_the_translation(body):
    """Whatever shape its members have, a body is translated or refused, and each call has its output after it."""
    for preset in (PLATFORM, CODEX):
        made = {"input": []}
        with suppress(UpstreamFailure):
            made, notes = build_body(request(body), upstream(preset))
            assert len(set(notes)) == len(notes)
            dumps(made)
        owed = []
        for item in made["input"]:
            if item["type"] == "function_call_output":
                assert owed.pop(0) == item["call_id"]
                assert item["output"]
            elif item["type"] == "function_call":
                owed.append(item["call_id"])
            else:
                assert item["type"] == "reasoning" or item["role"] in ("assistant", "user", "developer")
                assert item["type"] == "reasoning" or (item["content"] and (not owed or item["role"] == "assistant"))
        assert not owed


@given(odd_bodies)
@settings(max_examples=30, deadline=None)
def test_every_body_is_one_by_the_sdks_types(body):
    """Whatever the client sends, what goes upstream has only known keys with values of their types."""
    for preset in (PLATFORM, CODEX):
        with suppress(UpstreamFailure):
            build(body, preset)


@pytest.mark.parametrize("extra", [b'"x":1e999', b'"x":' + b"[" * 5000 + b"]" * 5000])
def test_a_body_that_cannot_be_read(extra):
    """A body the scan let through but the parser does not is MalformedJson, for the caller to refuse."""
    plain = request()
    with pytest.raises(MalformedJson):
        build_body(replace(plain, body=plain.body[:-1] + b"," + extra + b"}"), upstream())
