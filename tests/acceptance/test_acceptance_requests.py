"""Items 23 to 34 of the acceptance list that are about requests: parameters, tools and the client's special calls."""

import copy
import json
from dataclasses import replace

import pytest

from providers.errors import UpstreamFailure
from providers.outbound.formats import OUTBOUND
from providers.presets import PRESETS
from tests.acceptance.bodies import (
    BILLING,
    COUNT,
    EVERY_SHAPE,
    OFFERED,
    SAFEGUARDS,
    SESSION,
    TITLE,
    TITLE_SCHEMA,
    TOOLS,
    WEB_SEARCH,
    agent,
    aside,
    assistant,
    result,
    text,
    thought,
    tool,
    use,
    user,
)
from tests.acceptance.transcript import COMPATIBLE, TRANSLATED, call, lines, sent, upstream
from tests.cast import request

every_format = pytest.mark.parametrize("preset", COMPATIBLE)
ANTHROPICS_OWN = (
    "cache_control", "context_management", "safeguards", "defer_loading", "thinking", "output_config", "user_id",
    "tool_use_id", "x-anthropic-billing-header", "DeferredToolPlaceholder", "anthropic_version",
)  # fmt: skip


def functions(body):
    """The functions a body offers, as each format writes one."""
    tools = body.get("tools", [{}])
    return [one.get("function", one) for one in tools[0].get("functionDeclarations", tools)]


@every_format
@pytest.mark.parametrize("shape", EVERY_SHAPE)
def test_every_shape_of_request_through_every_format(preset, shape):
    """Whatever the client is at, the body that goes out is deterministic and holds no word of Anthropic's own."""
    body = EVERY_SHAPE[shape]
    if (shape, preset) in {("pdf", p) for p in COMPATIBLE if not PRESETS[p].quirks.pdf} | {("image", "deepseek")}:
        with pytest.raises(UpstreamFailure, match=r"capability_rejected: (document|image)_block"):
            call(preset, body)
        return
    made = sent(preset, body)
    assert call(preset, body).body == call(preset, body).body
    assert lines(made)[-1][-1]
    keys = set()
    _collect(made, keys)
    assert not keys & set(ANTHROPICS_OWN)
    assert not any(own in json.dumps(made) for own in (BILLING, "DeferredToolPlaceholder", "device_id"))


def _collect(value, keys):
    if isinstance(value, dict):
        keys |= set(value)
        for inner in value.values():
            _collect(inner, keys)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, keys)


@pytest.mark.parametrize("shape", EVERY_SHAPE)
def test_every_shape_of_request_on_the_native_path(shape):
    """An Anthropic upstream gets every one of them to the byte."""
    body = EVERY_SHAPE[shape]
    assert call("anthropic", body, model=body["model"]).body == request(body).body


@every_format
def test_23_web_search_sub_request(preset):
    """The search is run by those upstreams that have one; any other is told that there is none."""
    made = sent(preset, WEB_SEARCH)
    if preset == "openai":
        assert made["tools"] == [{"type": "web_search"}]
    elif PRESETS[preset].wire_format == "gemini":
        assert made["tools"] == [{"googleSearch": {}}]
    else:
        assert "tools" not in made
        assert "tool_choice" not in made
        assert "Not available in this conversation: web search." in lines(made)[0][1]


@every_format
def test_24_title_request(preset):
    """A wanted schema goes where the format has its place, no tools are sent, and the limit is kept."""
    made = sent(preset, TITLE)
    assert "tools" not in made
    schema = json.dumps(TITLE_SCHEMA, separators=(",", ":"))
    if preset == "openai":
        wanted = made["text"]["format"]
        assert (wanted["type"], wanted["schema"], wanted["strict"]) == ("json_schema", TITLE_SCHEMA, True)
    elif PRESETS[preset].wire_format == "gemini":
        config = made["generationConfig"]
        assert config["responseMimeType"] == "application/json"
        assert config["responseJsonSchema"]["required"] == ["title"]
    elif PRESETS[preset].quirks.json_schema:
        wanted = made["response_format"]["json_schema"]
        assert (wanted["schema"], wanted["strict"]) == (TITLE_SCHEMA, True)
    else:
        assert made["response_format"] == {"type": "json_object"}
        assert schema in lines(made)[0][1]


@every_format
def test_25_safeguards(preset):
    """The client's own checks go to Anthropic alone; a translated upstream is asked the same without them."""
    assert sent(preset, agent(safeguards=SAFEGUARDS)) == sent(preset, agent())
    body = agent(safeguards=SAFEGUARDS)
    assert call("anthropic", body, model=body["model"]).body == request(body).body


GEMINI_TAKES = {
    "$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items", "prefixItems",
    "minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties", "additionalProperties", "required",
    "propertyOrdering",
}  # fmt: skip
CODE_ASSIST_TAKES = {
    "type", "format", "title", "description", "nullable", "enum", "items", "minItems", "maxItems", "minimum", "maximum",
    "anyOf", "properties", "required", "minLength", "maxLength", "pattern", "minProperties", "maxProperties", "default",
}  # fmt: skip


def keywords(schema):
    """Every keyword of a schema, none of the names of its properties."""
    found = set(schema)
    for key, value in schema.items():
        inner = (
            list(value.values()) if key in ("properties", "$defs") else value if isinstance(value, list) else [value]
        )
        if key not in ("enum", "required", "default"):
            found |= {word for one in inner if isinstance(one, dict) for word in keywords(one)}
    return found


@pytest.mark.parametrize("preset", ["gemini", "vertex-ai"])
def test_27_schema_cleanup(preset):
    """The client's own tool schemas reach Gemini with no keyword it refuses and no property lost."""
    made = functions(sent(preset, agent()))
    assert [one["name"] for one in made] == OFFERED
    for one in made:
        original = next(t for t in TOOLS if t["name"] == one["name"])["input_schema"]
        schema = one["parametersJsonSchema"]
        assert keywords(schema) <= GEMINI_TAKES
        assert list(schema["properties"]) == list(original["properties"])
        assert schema.get("required", []) == original["required"]
    read = next(one for one in made if one["name"] == "Read")["parametersJsonSchema"]["properties"]
    assert read["limit"]["minimum"] == 1


def test_27_schema_cleanup_for_code_assist():
    """The older kind of schema has fewer keywords still, and numbers a 64-bit float cannot tell apart are left out."""
    preset = replace(PRESETS["gemini"], addressing="code_assist")
    at = replace(upstream("gemini"), preset=preset)
    body = json.loads(OUTBOUND["gemini"].request(request(agent()), at).body)["request"]
    for one in functions(body):
        assert keywords(one.get("parameters", {})) <= CODE_ASSIST_TAKES
    assert len(functions(body)) == len(OFFERED)
    assert "9007199254740991" not in json.dumps(body)


@pytest.mark.parametrize("preset", ["openai-chat", "openai", "groq"])
def test_27_schemas_stay_whole_elsewhere(preset):
    """OpenAI takes any schema as it is, as long as it is not called strict."""
    for one in functions(sent(preset, agent())):
        original = next(t for t in TOOLS if t["name"] == one["name"])["input_schema"]
        assert one["parameters"] == original
        assert not one.get("strict")


@every_format
def test_28_disable_parallel(preset):
    """One call at a time is asked for where the upstream has a switch for it."""
    made = sent(preset, agent(tool_choice={"type": "auto", "disable_parallel_tool_use": True}))
    has_switch = PRESETS[preset].wire_format != "gemini" and PRESETS[preset].quirks.parallel_tool_calls
    assert made.get("parallel_tool_calls") is (False if has_switch else None)
    assert "parallel_tool_calls" not in sent(preset, agent())


@every_format
def test_29_billing_block(preset):
    """The billing line never reaches a translated upstream, whichever form the system prompt has."""
    for system, rest in (
        ([text(BILLING), text("Be brief.")], "Be brief."),
        (f"{BILLING}\nBe brief.", "Be brief."),
        ([text(f"{BILLING}\nBe brief.")], "Be brief."),
        (BILLING, None), ([text(BILLING)], None),
    ):  # fmt: skip
        body = {"system": system, "messages": [user(text("a"))]}
        made = sent(preset, body)
        assert lines(made) == ([("system", rest)] if rest else []) + [("user", "a")]
        assert call("anthropic", body, model="claude-x").body == request(body).body


@every_format
def test_30_unknown_blocks_fields_and_tools(preset):
    """Blocks, fields, roles, betas and tools that nobody here knows are left out, never refused."""
    odd = {"type": "hologram", "data": 1}
    body = {
        "messages": [
            user(text("a"), odd, {"type": "container_upload", "file_id": "f"}, {"no": "type"}, 7),
            assistant(odd, {"type": "connector_text", "text": "c"}, {"type": "mcp_tool_use", "id": "m"}, use("t1")),
            user(result("t1", [odd, text("r")]), odd),
            aside([odd, {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "Gone"}}]),
            {"role": "oracle", "content": "who"}, 7,
        ],
        "tools": [tool("Read"), {"type": "hologram_20990101", "name": "h"}, {"type": "mcp_toolset"}, {}, 7],
        "tool_choice": {"type": "whim"}, "thinking": {"type": "upside_down"}, "mcp_servers": [{}], "thread": {},
        "container": {}, "fallbacks": "default", "inference_geo": "moon", "cache_control": {}, "brand_new": {"a": 1},
    }  # fmt: skip
    made = sent(preset, body, headers={"anthropic-beta": "never-heard-of-2099-01-01"})
    found = lines(made)
    assert next(line for line in found if line[0] != "system") == ("user", "a")
    assert [line[2] for line in found if line[0] == "result"] == ["r"]
    assert [one["name"] for one in functions(made)] == ["Read"]
    assert not any(word in json.dumps(made["tools"]) for word in ("hologram", "mcp_toolset"))
    assert "brand_new" not in json.dumps(made)


LIMITS = {"max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens"}


@every_format
def test_33_max_tokens_clamp(preset):
    """The client asks for more than most models may write: the request asks for what the model has."""
    for asked, expected in ((128000, 8192), (2000, 2000)):
        made = sent(preset, agent(max_tokens=asked), max_output_tokens=8192)
        told = {**made, **made.get("generationConfig", {})}
        assert [told[key] for key in LIMITS & set(told)] == [expected]
    made = sent(preset, agent(max_tokens=128000))
    told = {**made, **made.get("generationConfig", {})}
    assert [told[key] for key in LIMITS & set(told)] == [128000]


TURNS = [
    [],
    [assistant(thought(), text("I look."), use("toolu_01", "Bash"), use("toolu_02")),
     user(result("toolu_01"), result("toolu_02", "no", is_error=True), text("Tool loaded."))],
    [aside("be careful")],
    [assistant(text("b")), user(text("c"))],
    [assistant(use("toolu_03")), user(result("toolu_03", [text("x")]))],
    [assistant(text("done")), user(text("and now?"))],
]  # fmt: skip


def items_of(body):
    """The turns of a body, as far as a cache sees them: a content that goes on is cut into its parts."""
    if "contents" in body:
        return [(content["role"], part) for content in body["contents"] for part in content["parts"]]
    return body.get("input") or body["messages"]


@every_format
def test_34_deterministic_bodies_and_growing_prefix(preset):
    """A turn's body begins with the turn's before it, to the byte, though the client moves its cache marks."""
    before = None
    for number in range(1, len(TURNS) + 1):
        turns = [copy.deepcopy(turn) for step in TURNS[:number] for turn in step]
        for turn in turns[-1:]:
            if isinstance(turn["content"], list):
                turn["content"][-1]["cache_control"] = {"type": "ephemeral"}
        body = agent(*turns)
        assert call(preset, body).body == call(preset, copy.deepcopy(body)).body
        made = sent(preset, body)
        items = [json.dumps(item) for item in items_of(made)]
        rest = json.dumps({k: v for k, v in made.items() if k not in ("input", "messages", "contents")})
        if before is not None:
            assert items[: len(before[0])] == before[0]
            assert rest == before[1]
        before = items, rest
    assert len(before[0]) > len(TURNS)


def test_34_prompt_cache_key():
    """OpenAI is told the session, the same in every turn, so that its turns find their cache."""
    for preset in ("openai", "openai-chat"):
        keys = {sent(preset, body)["prompt_cache_key"] for body in (agent(), agent(aside("x")), TITLE)}
        assert keys == {SESSION}
        by_header = sent(preset, COUNT | {"max_tokens": 5}, headers={"x-claude-code-session-id": "s-1"})
        assert by_header["prompt_cache_key"] == "s-1"
    for preset in set(COMPATIBLE) - {"openai", "openai-chat"}:
        assert SESSION not in call(preset, agent()).body.decode()


def test_every_format_is_tried():
    """The presets above are of every format that is translated to."""
    assert {PRESETS[preset].wire_format for preset in TRANSLATED} | {"anthropic_messages"} == set(OUTBOUND)
