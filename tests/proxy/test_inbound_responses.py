"""A Responses request becomes a Messages request: its items, its media, and bodies that cannot be served."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import ApiError
from proxy.inbound.json_body import MAX_BRACKETS
from proxy.inbound.openai_parameters import DEFAULT_MAX_TOKENS
from tests.proxy.responses_requests import TOOLS, USER, call, hub, output, parse, refusal, result, text, use

PNG = base64.b64encode(b"png").decode()
ANSWER = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ok", "annotations": []}]}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "empty"),
        (b"null", 400, "object"),
        (b"{", 400, "JSON"),
        (b'{"model": "\xff", "input": "x"}', 400, "UTF-8"),
        (b'{"input": "x"}', 400, "model"),
        (b'{"model": "x"}', 400, "input"),
        (b'{"model": "x", "input": {}}', 400, "input"),
        (b'{"model": "x", "input": []}', 400, "at least one message"),
        (b'{"model": "x", "input": " ", "instructions": "be brief"}', 400, "at least one message"),
        (b'{"model": "x", "input": ["hi"]}', 400, "input[0]"),
        (b'{"model": "x", "input": "x", "stream": 1}', 400, "stream"),
        (b'{"model": "x", "input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "deep"),
        (b'{"model": "x", "input": [' + b"{}," * MAX_BRACKETS + b"{}]}", 413, "arrays"),
        (b'{"model": "x", "input": "x", "max_output_tokens": 0}', 400, "max_output_tokens"),
    ],
)
def test_bad_bodies_get_a_clear_error(body, status, words):
    """A body that cannot be served is refused with the status and a message that names the fault."""
    error = refusal(body)
    assert error.status == status
    assert words in error.message


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id: no responses are stored here; send the whole"),
        ({"conversation": {"id": "conv_1"}}, "conversation: no conversations are stored here; send the whole"),
        ({"background": True}, "background: nothing runs in the background here; leave it out"),
        ({"input": [USER, {"type": "item_reference", "id": "msg_1"}]}, "input[1]: no items are stored here"),
        ({"input": [{"id": "msg_1"}]}, "input[0]: no items are stored here"),
    ],
)
def test_what_needs_a_memory_is_refused_with_the_way_out(fields, words):
    """Nothing is kept between requests: what relies on it is a 400 that says what to do instead."""
    error = refusal(**fields)
    assert error.status == 400
    assert error.message.startswith(words)


@pytest.mark.parametrize("fields", [
    {"previous_response_id": None, "conversation": None, "background": False}, {"store": True}, {"store": False},
])  # fmt: skip
def test_what_asks_for_no_memory_passes(fields):
    """Nulls and falses ask for nothing; `store` is a wish that nobody here can grant."""
    assert parse(**fields).body == parse().body


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}, "input_audio"),
        ({"type": "input_image"}, "image_url"),
        ({"type": "input_image", "image_url": "ftp://x/y.png"}, "https:"),
        ({"type": "input_image", "image_url": "data:image/tiff;base64,aa"}, "image/tiff"),
        ({"type": "input_file", "filename": "x.pdf"}, "file_data or file_url"),
        ({"type": "input_file", "file_url": "ftp://x"}, "file_data or file_url"),
    ],
)
def test_media_nobody_takes_is_named_with_its_place(part, words):
    """A part that no target could take is a 400 that says which part and what to send instead."""
    error = refusal(input=[USER, {"role": "user", "content": [{"type": "input_text", "text": "see"}, part]}])
    assert error.status == 400
    assert error.message.startswith("input[1].content[1]: ")
    assert words in error.message
    in_output = refusal(input=[USER, call(), output(content=[part])])
    assert in_output.message.startswith("input[2].output[0]: ")


@pytest.mark.parametrize("said", ["hi", [{"role": "user", "content": "hi"}], [USER]])
def test_the_least_request(said):
    """A limit is added, nothing else; the client's own words stay beside the translation."""
    request = parse(input=said)
    assert json.loads(request.body) == {
        "model": "gpt-x",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "messages": [{"role": "user", "content": [{**text("hi"), "cache_control": {"type": "ephemeral"}}]}],
    }
    assert (request.model, request.stream, request.operation) == ("gpt-x", False, "messages")
    assert request.source.wire_format == "openai_responses"
    assert json.loads(request.source.body) == {"model": "gpt-x", "input": said}
    assert request.source.members["model"] == b'"gpt-x"'
    assert dict(request.headers) == {}


def test_what_we_have_never_heard_of_is_no_error():
    """Unknown fields, items, parts, roles and tools, nulls and half a surrogate pair are no reason to refuse."""
    whole = hub(
        {"role": "critic", "content": "\ud83d"}, {"type": "future", "id": "x"}, {"type": 7}, {"type": ["x"]},
        {"type": "mcp_list_tools", "tools": []}, {"type": "image_generation_call", "id": "x", "result": "y"},
        {"role": "user", "content": [{"type": "future"}, 7, "loose"]},
        tools=[{"type": "future"}, {"type": "file_search"}, 7, {"type": "function"}, {"type": "namespace"}],
        text={"verbosity": "low"}, include=["x"], truncation="auto", unknown={"deep": [1]}, tool_choice=None,
        stream_options={"include_obfuscation": False}, max_tool_calls=3, service_tier="flex", prompt=None,
    )  # fmt: skip
    assert whole["messages"] == [{"role": "user", "content": [text("\ud83d"), text("loose")]}]
    assert set(whole) == {"model", "max_tokens", "messages", "system"}


def test_instructions_and_leading_developer_messages_are_the_system_prompt():
    """Instructions come first, then system and developer messages; later ones are reminders in place."""
    whole = hub(
        {"role": "developer", "content": "be kind"},
        {"role": "system", "content": [{"type": "input_text", "text": "a"}]},
        USER, {"type": "message", "role": "developer", "content": "now in French"}, ANSWER, USER,
        instructions="be brief",
    )  # fmt: skip
    assert whole["system"] == [text("be brief"), text("be kind"), text("a")]
    reminder = "<system-reminder>\nnow in French\n</system-reminder>"
    assert whole["messages"][0] == {"role": "user", "content": [text("hi"), text(reminder)]}


def test_a_developer_message_alone_is_the_question():
    """A developer message alone is put to the model as a user turn; the instructions never are."""
    whole = hub({"role": "developer", "content": "say hi"}, instructions="be brief")
    assert whole["system"] == [text("be brief")]
    assert whole["messages"] == [{"role": "user", "content": [text("say hi")]}]


def test_images_and_files():
    """Data URLs become base64 sources, addresses URL sources, PDFs documents, ids file sources."""

    def parts(*content):
        return hub({"role": "user", "content": list(content)})["messages"][0]["content"]

    data = f"data:image/png;base64,{PNG}"
    png = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    assert parts(
        {"type": "input_image", "image_url": data, "detail": "high"},
        {"type": "input_image", "image_url": "https://x/y.png"}, {"type": "input_image", "file_id": "file-1"},
        {"type": "input_image", "image_url": {"url": data}},
    ) == [
        png, {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "file-1"}}, png,
    ]  # fmt: skip
    pdf = {"type": "base64", "media_type": "application/pdf", "data": PNG}
    assert parts(
        {"type": "input_file", "file_data": f"data:application/pdf;base64,{PNG}", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://x/y.pdf"}, {"type": "input_file", "file_id": "file-1"},
    ) == [
        {"type": "document", "source": pdf, "title": "a.pdf"},
        {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}},
        {"type": "document", "source": {"type": "file", "file_id": "file-1"}},
    ]  # fmt: skip
    request = parse(input=[{"role": "user", "content": [{"type": "input_image", "image_url": data}]}])
    assert request.has_image


def test_calls_and_their_results():
    """Calls in a row are one turn with the words before them; their outputs come in call order, then the user's."""
    turns = hub(
        USER, ANSWER, call("a"), call("b", "other", ""), output("b", ""),
        output("a", [{"type": "input_text", "text": "sun"}, {"type": "input_image", "image_url": "https://x/y.png"}]),
        output("a", "again"), USER, tools=TOOLS,
    )["messages"]  # fmt: skip
    image = {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}
    assert turns == [
        {"role": "user", "content": [text("hi")]},
        {"role": "assistant", "content": [
            text("ok"), use("a", "get_weather", city="Paris"), use("b", "other"),
        ]},
        {"role": "user", "content": [
            result("a", text("sun"), image), result("b", text("(no output)")), text("hi"),
        ]},
    ]  # fmt: skip


def test_calls_one_after_another():
    """A call after an output begins the next turn."""
    turns = hub(USER, call("a"), output("a"), call("b"), output("b", status="incomplete"), ANSWER)["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "assistant", "user", "assistant"]
    assert turns[4]["content"] == [result("b", text("sun"), is_error=True)]


def test_words_between_a_call_and_its_output():
    """What the user says while a call runs stands after the call's result; the assistant's words stay in place."""
    turns = hub(USER, call("a"), ANSWER, USER, output("a"))["messages"]
    assert turns[1]["content"] == [use("a", "get_weather", city="Paris"), text("ok")]
    assert turns[2]["content"] == [result("a", text("sun")), text("hi")]


def test_missing_and_unasked_outputs():
    """A call without an output gets one that says so; an output nobody asked for is told in words."""
    turns = hub(USER, call("a"), USER, ANSWER, output("zzz", "rain"))["messages"]
    assert turns[2]["content"] == [result("a", text("[tool call was interrupted]"), is_error=True), text("hi")]
    assert turns[4]["content"] == [text("[tool result zzz]"), text("rain")]


def test_freeform_calls():
    """A freeform call's text is the `input` of a function; its output may hold what any other's does."""
    custom = {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": "*** Begin"}
    done = output("c", [{"type": "input_text", "text": "done"}], "custom_tool_call_output")
    turns = hub(USER, custom, done, tools=[{"type": "custom", "name": "apply_patch"}])["messages"]
    assert turns[1]["content"] == [use("c", "apply_patch", input="*** Begin")]
    assert turns[2]["content"] == [result("c", text("done"))]


def test_calls_of_tools_that_models_know_by_heart():
    """Shell and patch calls are calls of functions with their actions as input, their outputs texts."""
    local = {"type": "local_shell_call", "id": "lsh_1", "call_id": "l",
             "action": {"type": "exec", "command": ["ls"], "env": {}, "user": None}}  # fmt: skip
    shell = {"type": "shell_call", "call_id": "s", "action": {"commands": ["a", "b"]}}
    patch = {"type": "apply_patch_call", "call_id": "p", "operation": {"type": "delete_file", "path": "x"}}
    ran = [
        {"stdout": "A", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}},
        {"stdout": "B", "stderr": "e", "outcome": {"type": "exit", "exit_code": 2}},
        {"stdout": "", "stderr": "", "outcome": {"type": "timeout"}},
    ]
    turns = hub(
        USER, local, shell, patch, {"type": "local_shell_call_output", "id": "lsh_1", "output": "x"},
        output("s", ran, "shell_call_output"), output("p", None, "apply_patch_call_output", status="failed"),
    )["messages"]  # fmt: skip
    assert turns[1]["content"] == [
        use("l", "local_shell", command=["ls"], env={}), use("s", "shell", commands=["a", "b"]),
        use("p", "apply_patch", type="delete_file", path="x"),
    ]  # fmt: skip
    assert turns[2]["content"] == [
        result("l", text("x")), result("s", text("A\nB\ne\n[exit code 2]\n[timed out]")),
        result("p", text("(no output)"), is_error=True),
    ]  # fmt: skip


def test_tool_searches():
    """A search among the client's tools is a function's call; what it found is told, and offered from then on."""
    asked = {"type": "tool_search_call", "call_id": "t", "execution": "client", "arguments": {"q": "mail"}}
    mail = {"type": "namespace", "name": "mail", "tools": [{"type": "function", "name": "send"}]}
    found = {"type": "tool_search_output", "call_id": "t", "execution": "client", "tools": [mail]}
    theirs = {"type": "tool_search_call", "execution": "server", "arguments": {}}
    whole = hub(USER, theirs, asked, found, tools=[{"type": "tool_search", "execution": "client", "parameters": {}}])
    assert [tool["name"] for tool in whole["tools"]] == ["tool_search", "mail__send"]
    assert whole["messages"][1]["content"] == [use("t", "tool_search", q="mail")]
    assert whole["messages"][2]["content"] == [result("t", text("Loaded tools: mail__send"))]


def test_searches_and_compaction_are_told_in_words():
    """What the model cannot be given as it was is said in a few words."""
    search = {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "news"}}
    opened = {"type": "web_search_call", "id": "ws_2", "action": {"type": "open_page", "url": "https://x"}}
    turns = hub({"type": "compaction", "encrypted_content": "x"}, USER, search, opened, ANSWER, USER)["messages"]
    assert turns[0]["content"][0]["text"].startswith("[an earlier part of the conversation was compacted")
    assert turns[1]["content"] == [text("[web_search: news]"), text("ok")]


def thought(encrypted, **fields):
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": encrypted, **fields}


def test_reasoning_of_ours_comes_back_and_no_other():
    """Thinking that an earlier answer carried is restored before what it led to; other vendors' is left out."""
    summary = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}, 7]
    turns = hub(
        USER, thought("ccm-r1.thinking.s.1", summary=summary), thought("gAAAA"), thought(None), thought("ccm-r1.x.y"),
        thought("ccm-r1.redacted_thinking.blob"), call("a"), output("a"), thought("ccm-r1.thinking.s2"), ANSWER, USER,
    )["messages"]  # fmt: skip
    assert turns[1]["content"][:2] == [
        {"type": "thinking", "thinking": "a\n\nb", "signature": "s.1"}, {"type": "redacted_thinking", "data": "blob"},
    ]  # fmt: skip
    assert turns[3]["content"][0] == {"type": "thinking", "thinking": "", "signature": "s2"}


def test_reasoning_that_led_to_nothing_is_left_out():
    """Thinking without anything after it makes no turn of its own."""
    assert hub(USER, thought("ccm-r1.thinking.s"), USER)["messages"] == [
        {"role": "user", "content": [text("hi"), text("hi")]}
    ]


def test_the_cache_is_told_where_to_end():
    """The last system block and the last block of the last user turn are marked."""
    mark = {"type": "ephemeral"}
    whole = json.loads(parse(instructions="a", input=[USER, ANSWER, USER]).body)
    assert whole["system"] == [{**text("a"), "cache_control": mark}]
    assert whole["messages"][-1]["content"] == [{**text("hi"), "cache_control": mark}]
    assert whole["messages"][0]["content"] == [text("hi")]


def test_the_same_request_makes_the_same_bytes_and_later_turns_begin_with_earlier_ones():
    """Bodies are deterministic; the turns of a later request start with those of the one before."""
    items, earlier = [USER], []
    later = [thought("ccm-r1.thinking.s"), call("a"), output("a"), ANSWER, {"role": "user", "content": "thanks"}]
    for item in [None, *later]:
        items = [*items, item] if item else items
        assert parse(input=items).body == parse(input=items).body
        if items[-1].get("role") == "user" or items[-1]["type"].endswith("output"):
            turns = hub(*items)["messages"]
            assert turns[: len(earlier)] == earlier
            earlier = turns


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from([
            "type", "text", "role", "content", "name", "arguments", "image_url", "file_data", "id", "input", "tools",
            "format", "definition", "effort", "summary", "action", "command", "query", "outcome", "filters", "mode",
        ]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
KINDS = st.sampled_from([
    "message", "reasoning", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output",
    "local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output", "apply_patch_call",
    "apply_patch_call_output", "tool_search_call", "tool_search_output", "additional_tools", "web_search_call",
    "compaction", "future",
])  # fmt: skip
ITEMS = st.fixed_dictionaries(
    {"type": KINDS},
    optional={
        "role": st.sampled_from(["system", "developer", "user", "assistant", "x"]), "content": VALUES,
        "call_id": st.sampled_from(["a", "b", 7]), "id": st.sampled_from(["a", "i"]), "name": st.just("f") | VALUES,
        "arguments": VALUES, "output": VALUES, "summary": VALUES, "action": VALUES, "operation": VALUES,
        "tools": VALUES, "input": VALUES, "namespace": st.sampled_from(["n", 7]), "status": VALUES,
        "execution": st.sampled_from(["client", "server", 7]),
        "encrypted_content": st.sampled_from(["ccm-r1.thinking.s", "x", 7]),
    },
)  # fmt: skip
DESCRIBED = st.fixed_dictionaries(
    {"type": st.sampled_from(["function", "custom", "namespace", "web_search", "shell", "tool_search", "x"])},
    optional={"name": st.sampled_from(["f", "n", 7]), "tools": VALUES, "format": VALUES, "filters": VALUES,
              "parameters": VALUES, "user_location": VALUES, "execution": st.just("client")},
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(ITEMS, max_size=7),
    st.dictionaries(
        st.sampled_from([
            "tool_choice", "text", "reasoning", "temperature", "user", "instructions", "parallel_tool_calls",
            "max_output_tokens", "metadata", "prompt_cache_key", "include", "truncation",
        ]), VALUES, max_size=5),
    st.lists(DESCRIBED | VALUES, max_size=3) | VALUES,
)  # fmt: skip
def test_whatever_comes_is_served_or_refused_in_words(items, fields, tools):
    """No shape of body breaks the parser: it makes alternating turns whose calls all have results, or a 400."""
    whole, status = {"messages": []}, 200
    try:
        whole = json.loads(parse(input=items, tools=tools, **fields).body)
    except ApiError as error:
        status = error.status
    turns = whole["messages"]
    assert status == (200 if turns else 400)
    assert [turn["role"] for turn in turns] == [("user", "assistant")[i % 2] for i in range(len(turns))]
    ids = [block["id"] for turn in turns for block in turn["content"] if block["type"] == "tool_use"]
    assert len(set(ids)) == len(ids)
    names = [tool["name"] for tool in whole.get("tools", ())]
    assert len(set(names)) == len(names)
    for turn, after in zip(turns, [*turns[1:], None], strict=False):
        due = {block["id"] for block in turn["content"] if block["type"] == "tool_use"}
        answered = after["content"] if after else []
        assert due == {block["tool_use_id"] for block in answered if block["type"] == "tool_result"}
