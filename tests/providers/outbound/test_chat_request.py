"""Messages requests in Chat's words: every block finds its place, and nothing the inbound takes breaks it."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.names import NameMap, legal_id
from providers.outbound.openai_chat import OPENAI_CHAT
from providers.wire.spans import MalformedJson
from tests.cast import KEY, request, target
from tests.official import check_chat
from tests.providers.outbound.odd_bodies import odd_bodies

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
PDF = {"type": "document", "title": "r", "source": {"type": "base64", "media_type": "application/pdf", "data": "JV"}}
ONE, TWO = "call_1", "call_2"


def sent(body=None, preset="openai-compatible", **fields):
    built = json.loads(OPENAI_CHAT.request(request(body), target(preset=preset, **fields)).body)
    check_chat(built)
    return built


def turns(*messages, preset="openai-compatible"):
    return sent({"messages": list(messages)}, preset)["messages"]


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def text(words):
    return {"type": "text", "text": words}


def call(id_, name="Read", **arguments):
    return {"type": "tool_use", "id": id_, "name": name, "input": arguments}


def result(id_, content="ok", **fields):
    return {"type": "tool_result", "tool_use_id": id_, "content": content, **fields}


def tool_turn(id_, content):
    return {"role": "tool", "tool_call_id": id_, "content": content}


CALLS = assistant(call(ONE), call(TWO))


def after_calls(*blocks, preset="openai-compatible"):
    return turns(CALLS, user(*blocks), preset=preset)[1:]


RESULTS = {
    "in order": ([result(ONE, "a"), result(TWO, "b")], [tool_turn(ONE, "a"), tool_turn(TWO, "b")]),
    "out of order": ([result(TWO, "b"), result(ONE, "a")], [tool_turn(ONE, "a"), tool_turn(TWO, "b")]),
    "missing": ([result(TWO, "b")], [tool_turn(ONE, "[tool call was interrupted]"), tool_turn(TWO, "b")]),
    "twice": (
        [result(ONE, "a"), result(ONE, "z"), result(TWO, "b")], [tool_turn(ONE, "a"), tool_turn(TWO, "b")]),
    "orphan": (
        [result(ONE, "a"), result(TWO, "b"), result("call_9", "z")],
        [tool_turn(ONE, "a"), tool_turn(TWO, "b"), {"role": "user", "content": "[tool result call_9] z"}]),
    "error": (
        [result(ONE, "bad", is_error=True), result(TWO, "", is_error=True)],
        [tool_turn(ONE, "Error: bad"), tool_turn(TWO, "Error: (no output)")]),
    "empty": ([result(ONE, ""), result(TWO, [])], [tool_turn(ONE, "(no output)"), tool_turn(TWO, "(no output)")]),
    "then text": (
        [result(ONE), text("go on"), result(TWO)],
        [tool_turn(ONE, "ok"), tool_turn(TWO, "ok"), {"role": "user", "content": "go on"}]),
    "tool references": (
        [result(ONE, [{"type": "tool_reference", "tool_name": "A"}, {"type": "tool_reference", "tool_name": "B"}]),
         result(TWO)],
        [tool_turn(ONE, "Loaded tools: A, B"), tool_turn(TWO, "ok")]),
    "image": (
        [result(ONE, [IMAGE]), result(TWO, [text("see"), IMAGE])],
        [tool_turn(ONE, "[see the image below]"), tool_turn(TWO, "see"),
         user(text(f"[image from tool call {ONE}]"), PICTURE, text(f"[image from tool call {TWO}]"), PICTURE)]),
    "plain document": (
        [result(ONE, [{"type": "document", "title": "t", "source": {"type": "text", "data": "d"}}]), result(TWO)],
        [tool_turn(ONE, "[t]\nd"), tool_turn(TWO, "ok")]),
}  # fmt: skip


@pytest.mark.parametrize("case", RESULTS)
def test_tool_results_follow_their_calls(case):
    """One result per call, right after the calls and in their order, whatever the client's turn holds."""
    blocks, expected = RESULTS[case]
    assert after_calls(*blocks) == expected


def test_texts_alone_are_one_string():
    """Several text blocks, as Claude Code sends them, are one string: many servers take no parts."""
    assert turns(user(text("a"), text("b"))) == [{"role": "user", "content": "a\n\nb"}]
    assert turns(user(text("a"), IMAGE))[0]["content"] == [text("a"), PICTURE]


def test_calls_at_the_very_end_are_settled():
    """Calls after which nothing comes still get a result each: servers refuse a conversation without."""
    assert turns(user(text("hi")), CALLS)[2:] == [tool_turn(id_, "[tool call was interrupted]") for id_ in (ONE, TWO)]


def test_results_spread_over_user_turns_are_not_lost():
    """Results in several user turns all follow their calls, and what else was said comes after."""
    said = turns(CALLS, user(result(ONE, "a"), text("x")), user(result(TWO, "late"), IMAGE), assistant(text("b")))
    assert said[1:] == [
        tool_turn(ONE, "a"), tool_turn(TWO, "late"), user(text("x"), PICTURE), {"role": "assistant", "content": "b"},
    ]  # fmt: skip


def test_an_assistant_turn_is_one_message():
    """Texts are joined before the calls, thinking is dropped, arguments are compact JSON in the client's order."""
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    turn = assistant(thought, text("a"), call(ONE, z=1, a="é"), text("b"), {"type": "redacted_thinking", "data": "x"})
    assert turns(turn)[0] == {
        "role": "assistant", "content": "a\n\nb",
        "tool_calls": [{"id": ONE, "type": "function", "function": {"name": "Read", "arguments": '{"z":1,"a":"é"}'}}],
    }  # fmt: skip
    assert turns(assistant(call(ONE)))[0]["content"] is None
    assert turns(assistant(thought), user(text("x"))) == [{"role": "user", "content": "x"}]


def test_thinking_goes_back_where_the_server_wants_it():
    """A vendor that replays reasoning gets it as `reasoning_content`."""
    turn = assistant({"type": "thinking", "thinking": "hm", "signature": ""}, call(ONE))
    assert turns(turn, preset="moonshot")[0]["reasoning_content"] == "hm"
    assert "reasoning_content" not in turns(turn)[0]


def test_media_go_as_parts_or_are_refused_in_the_clients_words():
    """Images become data addresses; a PDF goes as a file where one is taken and is refused where not."""
    assert turns(user(text("see"), IMAGE))[0]["content"] == [text("see"), PICTURE]
    assert turns(user({"type": "image", "source": {"type": "url", "url": "http://x/i"}}))[0]["content"] == [
        {"type": "image_url", "image_url": {"url": "http://x/i"}}
    ]
    assert turns(user(PDF), preset="openai-chat")[0]["content"] == [
        {"type": "file", "file": {"filename": "r.pdf", "file_data": "data:application/pdf;base64,JV"}}
    ]
    refused = (
        (PDF, "document_block"), ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "image_block"),
        ({"type": "image"}, "image_block"), ({"type": "document", "source": 7}, "document_block"),
    )  # fmt: skip
    for block, words in refused:
        with pytest.raises(UpstreamFailure) as caught:
            turns(user(block))
        assert (caught.value.failure.kind, caught.value.failure.status) == (FailureKind.INCAPABLE, 400)
        assert caught.value.failure.message == f"capability_rejected: {words}"


def test_a_system_turn_stays_in_its_place():
    """A system message amid the turns is wrapped for the user role, or keeps a role where the vendor has one."""
    inline = {"role": "system", "content": [text("be brief")]}
    said = (user(text("a")), inline, assistant(text("b")))
    assert turns(*said)[1] == {"role": "user", "content": "<system-reminder>\nbe brief\n</system-reminder>"}
    assert turns(*said, preset="openai-chat")[1] == {"role": "developer", "content": "be brief"}
    assert len(turns(user(text("a")), {"role": "system", "output_config": {"effort": "low"}})) == 1


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("be kind", "be kind"),
        ([text("a"), text("b")], "a\n\nb"),
        ([text("x-anthropic-billing-header: cc=1; cch=0af1"), text("b")], "b"),
        ("x-anthropic-billing-header: cc=1\nrest", "rest"),
        ([text("a"), text("x-anthropic-billing-header: quoted")], "a\n\nx-anthropic-billing-header: quoted"),
        ("", None), ([], None), (None, None), (7, None),
    ],
)  # fmt: skip
def test_the_system_prompt_leads_without_the_billing_line(system, expected):
    """The system texts are one leading message; the client's billing line, which would break caches, is gone."""
    messages = sent({"system": system})["messages"]
    assert messages[-1] == {"role": "user", "content": "hi"}
    assert [m["content"] for m in messages[:-1]] == ([expected] if expected else [])


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def test_tools_are_functions():
    """Client tools go with their schema only; the placeholder goes nowhere; known tools get the schema they lack."""
    body = sent({"tools": [
        {"name": "Read", "description": "reads", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}},
        {"name": "Bare", "input_schema": {"type": "object"}},
        {"name": "DeferredToolPlaceholder", "input_schema": SCHEMA},
        {"type": "bash_20250124", "name": "bash"},
        {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
        {"type": "memory_20250818", "name": "memory"},
    ]})["tools"]  # fmt: skip
    assert body[0] == {
        "type": "function", "function": {"name": "Read", "description": "reads", "parameters": SCHEMA}
    }  # fmt: skip
    assert body[1]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert [t["function"]["name"] for t in body[2:]] == ["bash", "str_replace_based_edit_tool", "memory"]
    assert all("command" in t["function"]["parameters"]["properties"] for t in body[2:])


def test_server_tools_are_said_to_be_unavailable():
    """A tool only Anthropic can run is not offered, and the model is told so."""
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    body = sent({"system": "s", "tools": tools, "tool_choice": {"type": "tool", "name": "web_search"}})
    assert "tools" not in body
    assert "tool_choice" not in body
    assert body["messages"][0]["content"].startswith("s\n\nNot available in this conversation: web search.")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "any", "disable_parallel_tool_use": True}, {"tool_choice": "required", "parallel_tool_calls": False}),
        ({"type": "tool", "name": "R"}, {"tool_choice": {"type": "function", "function": {"name": "R"}}}),
        ({"type": "tool", "name": "web_search"}, {}),
        (None, {}), ("auto", {}), ({"type": []}, {}),
    ],
)  # fmt: skip
def test_tool_choice_in_chats_words(choice, expected):
    """The choice is translated when tools are offered, dropped when it names a tool that is not, absent without."""
    body = sent({"tools": [{"name": "R", "input_schema": SCHEMA}], "tool_choice": choice})
    assert {key: body[key] for key in ("tool_choice", "parallel_tool_calls") if key in body} == expected
    assert "tool_choice" not in sent({"tool_choice": choice})


def test_limits_and_sampling():
    """The output limit is clamped and named as the vendor wants; reasoning models get no sampling and no stops."""
    asked = {
        "max_tokens": 128000, "stop_sequences": ["a", " ", "b", "c", "d", "e"], "temperature": 0.5, "top_p": 1,
        "top_k": 5,
    }  # fmt: skip
    body = sent(asked, max_output_tokens=8000)
    assert (body["max_tokens"], body["stop"]) == (8000, ["a", "b", "c", "d"])
    assert (body["temperature"], body["top_p"]) == (0.5, 1)
    assert "top_k" not in body
    assert sent(asked, "openai-chat")["max_completion_tokens"] == 128000
    assert not {"max_tokens", "stop", "temperature", "top_p"} & set(sent(asked, "openai-chat"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, None),
        ({"output_config": {"effort": "medium"}}, "medium"),
        ({"output_config": {"effort": "max"}}, "high"),
        ({"output_config": {"effort": "absurd"}}, None),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 31999}}, "high"),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}, "output_config": {"effort": "high"}}, "high"),
        ({"output_config": {"effort": "high"}, "messages": [
            user(text("a")), {"role": "system", "output_config": {"effort": "low"}}]}, "low"),
    ],
)  # fmt: skip
def test_effort(body, expected):
    """The last per-message effort wins over the top-level one, that over the thinking budget; only where taken."""
    assert sent(body, "openai-chat").get("reasoning_effort") == expected
    assert "reasoning_effort" not in sent(body)


def test_a_wanted_schema_is_a_response_format():
    """`output_config.format` becomes `response_format`, strict where OpenAI takes the schema as such."""
    for schema, strict in ((SCHEMA, False), ({**SCHEMA, "required": ["a"], "additionalProperties": False}, True)):
        wanted = {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
        assert sent(wanted)["response_format"] == {
            "type": "json_schema", "json_schema": {"name": "response", "schema": schema, "strict": strict},
        }  # fmt: skip
    assert "response_format" not in sent({"output_config": {"format": "json"}})


def test_a_server_without_schemas_is_told_in_words():
    """It is asked for JSON, and the model reads the schema in the system prompt."""
    wanted = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}, "system": "s"}
    body = sent(wanted, "deepseek")
    assert body["response_format"] == {"type": "json_object"}
    assert body["messages"][0]["content"].startswith("s\n\nAnswer with one JSON object")


def test_a_stream_asks_for_its_usage():
    """A streamed request says so and asks for usage; the key is a bearer; no field of Anthropic's goes along."""
    outgoing = OPENAI_CHAT.request(
        request({"stream": True, "metadata": {"user_id": "u"}}), target(preset="openai-compatible")
    )
    body = json.loads(outgoing.body)
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    assert set(body) == {"model", "messages", "max_tokens", "stream", "stream_options"}
    assert body["model"] == "glm-4.6"
    assert outgoing.url.endswith("/chat/completions")
    assert outgoing.headers["authorization"] == f"Bearer {KEY}"
    assert "stream" not in sent()


def test_long_ids_are_the_same_on_both_sides():
    """An id Chat refuses is mapped alike in the call and in its result; a legal one is kept."""
    for id_ in ("x" * 65, "with spaces", "plus+/=", "", "line\n"):
        made, answered = turns(assistant(call(id_)), user(result(id_, "r")))
        assert answered == tool_turn(made["tool_calls"][0]["id"], "r")
        assert len(answered["tool_call_id"]) <= 64
        assert answered["tool_call_id"].replace("_", "").replace("-", "").isalnum()
    assert legal_id("toolu_01") == "toolu_01"


@given(st.sets(st.text(max_size=70) | st.from_regex(r"[a-z_.]{60,70}", fullmatch=True), max_size=8))
def test_names_survive_the_round_trip(names):
    """Every set of tool names maps to distinct legal ones and back."""
    first = NameMap(names)
    known = NameMap({*names, *(first.sent(name) for name in names)})
    mapped = {name: known.sent(name) for name in names}
    assert len(set(mapped.values())) == len(names)
    for name, chats in mapped.items():
        assert known.original(chats) == name
        assert 1 <= len(chats) <= 64
        assert all(c.isascii() and (c.isalnum() or c in "_-") for c in chats)


def test_a_name_that_needs_no_mapping_is_kept():
    """Legal names are sent as they are, even beside one that would be mapped to the same."""
    clash = NameMap(["a.b"]).sent("a.b")
    both = NameMap(["a.b", clash])
    assert both.sent(clash) == clash
    assert both.original(both.sent("a.b")) == "a.b"


CONVERSATION = [
    user(text("start")), assistant(text("one"), call(ONE), call(TWO)), user(result(TWO), result(ONE), text("and")),
    {"role": "system", "content": "brief"}, assistant(call("call_3", "x" * 80)), user(result("call_3", [IMAGE])),
    assistant(text("done")), user(text("more")),
]  # fmt: skip


def test_a_later_turn_begins_with_the_earlier_one():
    """The messages of turn n are the beginning of those of turn n+1, byte for byte: caches live on it."""
    whole = turns(*CONVERSATION)
    for count in (1, 3, 4, 6, 8):
        earlier = turns(*CONVERSATION[:count])
        assert whole[: len(earlier)] == earlier
    assert OPENAI_CHAT.request(request({"messages": CONVERSATION}), target(preset="openai-chat")).body == (
        OPENAI_CHAT.request(request({"messages": CONVERSATION}), target(preset="openai-chat")).body
    )


@given(odd_bodies)
@settings(max_examples=400, deadline=None)
def test_no_accepted_body_breaks_the_translation(body):
    """Whatever shape the members of a request have, it is translated or refused, and results follow their calls."""
    for preset in ("openai-compatible", "openai-chat"):
        messages = []
        with suppress(UpstreamFailure):
            messages = sent(body, preset)["messages"]
        owed = []
        for turn in messages:
            if turn["role"] == "tool":
                assert owed.pop(0) == turn["tool_call_id"]
            else:
                assert not owed
                owed = [made["id"] for made in turn.get("tool_calls", ())]
        assert not owed
    OPENAI_CHAT.translator(request(body), target(preset="openai-chat"))


@pytest.mark.parametrize("extra", [b'"x":1e999', b'"x":' + b"[" * 5000 + b"]" * 5000])
def test_a_body_that_cannot_be_read_is_refused(extra):
    """A body the scan let through but the parser does not is rejected as the client's mistake."""
    plain = request()
    body = plain.body[:-1] + b"," + extra + b"}"
    with pytest.raises(UpstreamFailure) as caught:
        OPENAI_CHAT.request(replace(plain, body=body), target(preset="openai-chat"))
    assert caught.value.failure.kind is FailureKind.REJECTED
    assert isinstance(caught.value.__cause__, MalformedJson)


def test_ids_are_short_where_they_must_be():
    """A server that takes only nine letters and digits gets such ids, the same for a call and its result."""
    use = {"type": "tool_use", "id": "toolu_1", "name": "T", "input": {}}
    history = [user(text("a")), {"role": "assistant", "content": [use]},
               user({"type": "tool_result", "tool_use_id": "toolu_1", "content": "r"})]  # fmt: skip
    messages = sent({"messages": history}, "mistral")["messages"]
    call_id = messages[1]["tool_calls"][0]["id"]
    assert len(call_id) == 9 and call_id.isalnum()
    assert messages[2]["tool_call_id"] == call_id
    own = [{**use, "id": "abcDEF123"}]
    kept = sent({"messages": [user(text("a")), {"role": "assistant", "content": own}]}, "mistral")["messages"]
    assert kept[1]["tool_calls"][0]["id"] == "abcDEF123"


def test_thinking_that_is_off_is_told_where_it_can_be():
    """A vendor that takes an effort is asked for its lowest; `none` only where its models know it."""
    off = {"thinking": {"type": "disabled"}}
    assert sent(off, "openai-chat")["reasoning_effort"] == "low"
    assert "reasoning_effort" not in sent(off, "groq")
