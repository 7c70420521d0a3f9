"""A Chat request becomes a Messages request: its messages, its media, and bodies that cannot be served."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import ApiError
from proxy.inbound.json_body import MAX_BRACKETS
from proxy.inbound.openai_parameters import DEFAULT_MAX_TOKENS
from tests.proxy.chat_requests import TOOLS, USER, call, hub, parse, refusal, text

PNG = base64.b64encode(b"png").decode()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "empty"),
        (b"null", 400, "object"),
        (b"{", 400, "JSON"),
        (b'{"model": "\xff", "messages": []}', 400, "UTF-8"),
        (b'{"messages": [{}]}', 400, "model"),
        (b'{"model": " ", "messages": [{}]}', 400, "model"),
        (b'{"model": "x"}', 400, "messages"),
        (b'{"model": "x", "messages": {}}', 400, "messages"),
        (b'{"model": "x", "messages": []}', 400, "at least one message"),
        (b'{"model": "x", "messages": ["hi"]}', 400, "messages[0]"),
        (b'{"model": "x", "messages": [{"role": "user", "content": "  "}]}', 400, "content"),
        (b'{"model": "x", "messages": [{}], "stream": 1}', 400, "stream"),
        (b'{"model": "x", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "deep"),
        (b'{"model": "x", "messages": [' + b"{}," * MAX_BRACKETS + b"{}]}", 413, "arrays"),
    ],
)
def test_bad_bodies_get_a_clear_error(body, status, words):
    """A body that cannot be served is refused with the status and a message that names the fault."""
    error = refusal(body)
    assert error.status == status
    assert words in error.message


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}, "input_audio"),
        ({"type": "image_url"}, "image_url.url"),
        ({"type": "image_url", "image_url": {"url": "ftp://x/y.png"}}, "https:"),
        ({"type": "image_url", "image_url": {"url": "data:image/png,plain"}}, "base64"),
        ({"type": "image_url", "image_url": {"url": "data:image/tiff;base64,aa"}}, "image/tiff"),
        ({"type": "file", "file": {"filename": "x.pdf"}}, "file_data"),
        ({"type": "file", "file": {"file_data": "data:text/plain;base64,a"}}, "base64"),
    ],
)
def test_media_nobody_takes_is_named_with_its_place(part, words):
    """A part that no target could take is a 400 that says which part and what to send instead."""
    error = refusal(messages=[USER, {"role": "user", "content": [text("see"), part]}])
    assert error.status == 400
    assert error.message.startswith("messages[1].content[1]: ")
    assert words in error.message


def test_the_least_request():
    """A limit is added, nothing else; the client's own words stay beside the translation."""
    request = parse()
    assert json.loads(request.body) == {
        "model": "gpt-x",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "messages": [{"role": "user", "content": [{**text("hi"), "cache_control": {"type": "ephemeral"}}]}],
    }
    assert (request.model, request.stream, request.operation) == ("gpt-x", False, "messages")
    assert request.source.wire_format == "openai_chat"
    assert json.loads(request.source.body) == {"model": "gpt-x", "messages": [USER]}
    assert request.source.members["model"] == b'"gpt-x"'
    assert dict(request.headers) == {}


def test_what_we_have_never_heard_of_is_no_error():
    """Unknown fields, parts, roles and tools, nulls and half a surrogate pair are no reason to refuse."""
    whole = hub(
        {"role": "critic", "content": "\ud83d"},
        {"role": "user", "content": [{"type": "future"}, 7, "loose"]},
        tools=[{"type": "future"}, 7], stop=None, seed=1, logprobs=True, logit_bias={}, tool_choice=None, n=None,
        response_format=None, stream_options=None, max_tokens=None, unknown={"deep": [1]}, frequency_penalty=1,
    )  # fmt: skip
    assert whole["messages"] == [{"role": "user", "content": [text("\ud83d"), text("loose")]}]
    assert set(whole) == {"model", "max_tokens", "messages"}


def test_leading_system_messages_are_the_system_prompt():
    """System and developer messages before the first turn are system blocks; later ones are reminders in place."""
    whole = hub(
        {"role": "system", "content": "be brief"}, {"role": "developer", "content": [text("be kind")]}, USER,
        {"role": "system", "content": "now in French"}, {"role": "assistant", "content": "salut"}, USER,
    )  # fmt: skip
    assert whole["system"] == [text("be brief"), text("be kind")]
    reminder = "<system-reminder>\nnow in French\n</system-reminder>"
    assert whole["messages"][0] == {"role": "user", "content": [text("hi"), text(reminder)]}


def test_a_system_message_alone_is_the_question():
    """A conversation of system messages alone puts the last one to the model as a user turn."""
    whole = hub({"role": "system", "content": "be brief"}, {"role": "system", "content": "say hi"})
    assert whole["system"] == [text("be brief")]
    assert whole["messages"] == [{"role": "user", "content": [text("say hi")]}]


def test_a_conversation_that_the_assistant_opens():
    """Messages wants a user turn first: one is put before the assistant's."""
    turns = hub({"role": "assistant", "content": "welcome"}, USER)["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]


def test_images_and_files():
    """Data URLs become base64 sources, web addresses URL sources, PDFs documents, texts text documents."""

    def parts(*content):
        return hub({"role": "user", "content": list(content)})["messages"][0]["content"]

    def image(url):
        return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}

    def file(**fields):
        return {"type": "file", "file": fields}

    assert parts(
        image(f"data:image/png;base64,{PNG}"), image("https://x/y.png"), image(f"DATA:image/jpg;x=1;base64,{PNG}"),
        {"type": "image_url", "image_url": "https://x/z.png"},
    ) == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG}},
        {"type": "image", "source": {"type": "url", "url": "https://x/z.png"}},
    ]  # fmt: skip
    pdf = {"type": "base64", "media_type": "application/pdf", "data": PNG}
    words = base64.b64encode("é".encode()).decode()
    assert parts(
        file(file_data=f"data:application/pdf;base64,{PNG}", filename="a.pdf"), file(file_data=PNG),
        file(file_data=f"data:text/csv;base64,{words}", filename="t.csv"), file(file_id="file-1"),
    ) == [
        {"type": "document", "source": pdf, "title": "a.pdf"},
        {"type": "document", "source": pdf},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}, "title": "t.csv"},
        {"type": "document", "source": {"type": "file", "file_id": "file-1"}},
    ]  # fmt: skip
    assert parse(messages=[{"role": "user", "content": [image("https://x/y.png")]}]).has_image


def test_calls_and_their_results():
    """Consecutive tool messages are one user turn, in call order, before what the user says next."""
    turns = hub(
        USER,
        {"role": "assistant", "content": "looking", "tool_calls": [call("a"), call("b", "other", "")]},
        {"role": "tool", "tool_call_id": "b", "content": ""},
        {"role": "tool", "tool_call_id": "a", "content": [text("sun"), text("wind")]},
        {"role": "tool", "tool_call_id": "a", "content": "again"},
        {"role": "user", "content": "and?"},
        tools=TOOLS,
    )["messages"]
    assert turns[1] == {"role": "assistant", "content": [
        text("looking"),
        {"type": "tool_use", "id": "a", "name": "get_weather", "input": {"city": "Paris"}},
        {"type": "tool_use", "id": "b", "name": "other", "input": {}},
    ]}  # fmt: skip
    assert turns[2] == {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "a", "content": [text("sun"), text("wind")]},
        {"type": "tool_result", "tool_use_id": "b", "content": [text("(no output)")]},
        text("and?"),
    ]}  # fmt: skip
    assert len(turns) == 3


@pytest.mark.parametrize("after", [[], [USER], [{"role": "assistant", "content": "well"}]])
def test_a_missing_result_is_made_up_truthfully(after):
    """A call without a result gets one that says it was interrupted, whatever follows."""
    turns = hub(USER, {"role": "assistant", "tool_calls": [call("a")]}, *after)["messages"]
    result = {"type": "tool_result", "tool_use_id": "a", "content": [text("[tool call was interrupted]")]}
    assert turns[2]["content"][0] == {**result, "is_error": True}


def test_a_result_without_a_call_is_told_in_words():
    """A result nobody asked for becomes text."""
    assert hub(USER, {"role": "tool", "tool_call_id": "zzz", "content": "sun"})["messages"] == [
        {"role": "user", "content": [text("hi"), text("[tool result zzz]"), text("sun")]}
    ]


def test_illegal_ids_and_broken_arguments():
    """An id Anthropic refuses is hashed on both sides; arguments that are no JSON are kept as they are."""
    turns = hub(
        USER, {"role": "assistant", "tool_calls": [call("a b/c", arguments="{oops")]},
        {"role": "tool", "tool_call_id": "a b/c", "content": "sun"},
    )["messages"]  # fmt: skip
    use, result = turns[1]["content"][0], turns[2]["content"][0]
    assert use["input"] == {"INVALID_JSON": "{oops"}
    assert use["id"] == result["tool_use_id"] != "a b/c"


def test_ids_used_twice_are_told_apart():
    """Some servers number each turn's calls anew, or give no ids: every call gets its own, and its own result."""
    turn = [
        {"role": "assistant", "tool_calls": [call("c_0", "a"), call("c_0", "b"), call("", "c")]},
        *({"role": "tool", "tool_call_id": call_id, "content": words} for call_id, words in (
            ("c_0", "1"), ("c_0", "2"), ("", "3"), ("c_0", "again"))),
    ]  # fmt: skip
    turns = hub(USER, *turn, *turn)["messages"]
    ids = [block["id"] for said in (turns[1], turns[3]) for block in said["content"]]
    assert len(set(ids)) == 6
    assert ids[:2] == ["c_0", "c_0_1"]
    for index in (1, 3):
        results = turns[index + 1]["content"]
        assert [block["tool_use_id"] for block in results] == [block["id"] for block in turns[index]["content"]]
        assert [block["content"][0]["text"] for block in results] == ["1", "2", "3"]


def test_other_kinds_of_assistant_words():
    """A refusal is text; custom tools' calls carry their input; an empty message is left out."""
    custom = {"id": "c", "type": "custom", "custom": {"name": "run", "input": "ls"}}
    turns = hub(
        USER, {"role": "assistant", "content": None, "refusal": "no"}, {"role": "assistant", "content": ""},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "never"}], "tool_calls": [custom, {}, 7]},
    )["messages"]  # fmt: skip
    use = {"type": "tool_use", "id": "c", "name": "run", "input": {"input": "ls"}}
    assert turns[1]["content"] == [text("no"), text("never"), use]


def test_reasoning_of_ours_comes_back_and_no_other():
    """Thinking that an earlier answer carried is restored; other vendors' and plain reasoning text is left out."""
    ours = {"type": "reasoning.text", "format": "ccm-v1", "index": 0, "text": "hm", "signature": "sig"}
    hidden = {"type": "reasoning.encrypted", "format": "ccm-v1", "index": 1, "data": "blob"}
    theirs = {"type": "reasoning.text", "format": "other-v1", "text": "x", "signature": "y"}
    unsigned = {"type": "reasoning.text", "format": "ccm-v1", "text": "x"}
    answer = {
        "role": "assistant", "content": "ok", "reasoning_content": "hm",
        "reasoning_details": [ours, theirs, hidden, unsigned, 7],
    }  # fmt: skip
    assert hub(USER, answer, USER)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "blob"},
        text("ok"),
    ]


def test_the_cache_is_told_where_to_end():
    """The last system block and the last block of the last user turn are marked, unless the client marks any."""
    mark = {"type": "ephemeral"}
    messages = [
        {"role": "system", "content": "a"}, {"role": "system", "content": "b"}, USER,
        {"role": "assistant", "content": "ok"}, {"role": "user", "content": [text("x"), text("y")]},
    ]  # fmt: skip
    whole = json.loads(parse(messages=messages).body)
    assert whole["system"] == [text("a"), {**text("b"), "cache_control": mark}]
    assert whole["messages"][-1]["content"] == [text("x"), {**text("y"), "cache_control": mark}]
    assert whole["messages"][0]["content"] == [text("hi")]
    messages[0]["content"] = [{**text("a"), "cache_control": mark}]
    whole = json.loads(parse(messages=messages).body)
    assert whole["system"] == [{**text("a"), "cache_control": mark}, text("b")]
    assert whole["messages"][-1]["content"] == [text("x"), text("y")]


LATER = [
    {"role": "assistant", "content": "looking", "tool_calls": [call("a")]},
    {"role": "tool", "tool_call_id": "a", "content": "sun"},
    {"role": "assistant", "content": "sunny"},
    {"role": "user", "content": "thanks"},
]  # fmt: skip


def test_the_same_request_makes_the_same_bytes_and_later_turns_begin_with_earlier_ones():
    """Bodies are deterministic; the turns of a later request start with those of the one before."""
    messages, earlier = [{"role": "system", "content": "be brief"}, USER], []
    for message in [None, *LATER]:
        messages = [*messages, message] if message else messages
        assert parse(messages=messages).body == parse(messages=messages).body
        if messages[-1]["role"] in ("user", "tool"):
            turns = hub(*messages)["messages"]
            assert turns[: len(earlier)] == earlier
            earlier = turns


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from([
            "type", "text", "role", "content", "function", "name", "arguments", "image_url", "url", "file", "id",
            "tool_calls", "function_call", "reasoning_details", "allowed_tools", "tools", "format", "data",
        ]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool", "function", "x"])},
    optional={
        "content": VALUES, "tool_calls": st.lists(st.just(call()) | VALUES, max_size=3), "function_call": VALUES,
        "tool_call_id": st.sampled_from(["call_1", "zzz", 7]), "reasoning_details": VALUES, "refusal": VALUES,
    },
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(MESSAGES, max_size=6),
    st.dictionaries(
        st.sampled_from([
            "tools", "functions", "tool_choice", "function_call", "stop", "response_format", "reasoning_effort",
            "temperature", "user", "stream_options", "web_search_options", "parallel_tool_calls", "max_tokens", "n",
        ]), VALUES, max_size=5),
)  # fmt: skip
def test_whatever_comes_is_served_or_refused_in_words(messages, fields):
    """No shape of body breaks the parser: it makes alternating turns whose calls all have results, or a 400."""
    turns, status = [], 200
    try:
        turns = json.loads(parse(messages=messages, **fields).body)["messages"]
    except ApiError as error:
        status = error.status
    assert status == (200 if turns else 400)
    assert [turn["role"] for turn in turns] == [("user", "assistant")[i % 2] for i in range(len(turns))]
    ids = [block["id"] for turn in turns for block in turn["content"] if block["type"] == "tool_use"]
    assert len(set(ids)) == len(ids)
    for turn, after in zip(turns, [*turns[1:], None], strict=False):
        due = {block["id"] for block in turn["content"] if block["type"] == "tool_use"}
        answered = after["content"] if after else []
        assert due == {block["tool_use_id"] for block in answered if block["type"] == "tool_result"}
