"""The items of an answer to a Responses client: texts, calls of every kind of tool, thinking, searches."""

import json

import pytest

from tests.proxy.responses_answers import FOUND, SEARCH, blocks, cited, final, kinds, ladder, message, whole, written
from tests.proxy.responses_requests import TOOLS, hub


def test_consecutive_texts_are_one_message():
    """Text blocks that follow each other are one text, for clients show each message as a paragraph."""
    events = blocks(*cited("Hel"), *cited(""), *cited("lo"))
    assert final(events)["output"] == [message("Hello")]


def test_citations_are_annotations():
    """What a text block cites holds for the block's part of the text; what is no web page is left out."""
    found = ladder(blocks(*cited("See "), *cited("é here", ("https://x", "X"), (None, "f")), *cited(".")))
    note = {"type": "url_citation", "start_index": 4, "end_index": 10, "url": "https://x", "title": "X"}
    told = next(event for event in found if event["type"] == "response.output_text.annotation.added")
    assert (told["annotation_index"], told["annotation"]) == (0, note)
    assert found[-1]["response"]["output"] == [message("See é here.", annotations=[note])]


def test_function_calls():
    """Each call is an item; arguments come in pieces and whole; no input at all is `{}`."""
    events = written(
        ("text", "see"), ("tool", "toolu_1", "get_weather"), ("tool_input", '{"x"'), ("tool_input", ":1}"),
        ("tool", "toolu_2", "other"), stop="tool_use",
    )  # fmt: skip
    found = ladder(events, tools=TOOLS)
    calls = [event for event in found if event.get("output_index") in (1, 2)]
    assert kinds(calls) == [
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
    ]  # fmt: skip
    item = {"id": "fc_abc_1", "type": "function_call", "call_id": "toolu_1", "name": "get_weather"}
    assert calls[0]["item"] == {**item, "status": "in_progress", "arguments": ""}
    assert calls[3]["arguments"] == '{"x":1}'
    assert calls[4]["item"] == {**item, "status": "completed", "arguments": '{"x":1}'}
    assert (calls[6]["delta"], calls[7]["arguments"]) == ("{}", "{}")
    assert [item["type"] for item in found[-1]["response"]["output"]] == ["message", "function_call", "function_call"]


def one_call(tool, arguments, name=None, **fields):
    """The item that a call of the client's tool becomes, with all its events."""
    name = name or tool.get("name") or tool["type"]
    events = written(("tool", "toolu_1", name), ("tool_input", arguments), stop="tool_use")
    found = ladder(events, tools=[tool], **fields)
    assert whole(events, tools=[tool], **fields) == found[-1]["response"]
    return found[-1]["response"]["output"][0], kinds(found)[2:-1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [('{"input":"*** Begin"}', "*** Begin"), ('{"patch":"x"}', "x"), ('{"a":1}', '{"a":1}'), ("oops", "oops")],
)
def test_freeform_tools(arguments, expected):
    """A call of a freeform tool is a custom tool call whose input is the text, whatever the model made of it."""
    events = written(("tool", "toolu_1", "patch"), ("tool_input", arguments), stop="tool_use")
    found = ladder(events, tools=[{"type": "custom", "name": "patch"}])
    assert found[-1]["response"]["output"] == [
        {"id": "ctc_abc_0", "type": "custom_tool_call", "status": "completed", "call_id": "toolu_1", "name": "patch",
         "input": expected},
    ]  # fmt: skip
    assert kinds(found)[2:-1] == [
        "output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done",
    ]  # fmt: skip
    assert (found[3]["delta"], found[4]["input"]) == (expected, expected)


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        (
            {"type": "local_shell"}, {"command": ["ls", 7], "timeout_ms": 9, "env": {"A": "b", "C": 1}},
            {"type": "local_shell_call",
             "action": {"type": "exec", "command": ["ls"], "env": {"A": "b"}, "timeout_ms": 9}},
        ),
        (
            {"type": "local_shell"}, {"command": "ls | wc"},
            {"type": "local_shell_call", "action": {"type": "exec", "command": ["sh", "-c", "ls | wc"], "env": {}}},
        ),
        (
            {"type": "shell"}, {"commands": ["a", "b"], "timeout_ms": 9, "max_output_length": "x"},
            {"type": "shell_call", "action": {"commands": ["a", "b"], "timeout_ms": 9}},
        ),
        ({"type": "shell"}, {"commands": "a"}, {"type": "shell_call", "action": {"commands": ["a"]}}),
        (
            {"type": "apply_patch"}, {"type": "create_file", "path": "a", "diff": "+x"},
            {"type": "apply_patch_call", "operation": {"type": "create_file", "path": "a", "diff": "+x"}},
        ),
        (
            {"type": "apply_patch"}, {"type": "delete_file", "path": "a", "diff": "x"},
            {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a"}},
        ),
        (
            {"type": "apply_patch"}, {},
            {"type": "apply_patch_call", "operation": {"type": "update_file", "path": "", "diff": ""}},
        ),
        (
            {"type": "tool_search", "execution": "client"}, {"q": "x"},
            {"type": "tool_search_call", "execution": "client", "arguments": {"q": "x"}},
        ),
    ],
)  # fmt: skip
def test_tools_that_models_know_by_heart(tool, arguments, expected):
    """A call of a built-in tool comes back as that tool's own item."""
    item, told = one_call(tool, json.dumps(arguments))
    assert {key: item[key] for key in expected} == expected
    assert (item["call_id"], item["status"]) == ("toolu_1", "completed")
    assert told == ["output_item.added", "output_item.done"]


def test_namespaces():
    """A function in a namespace comes back under its own name, the namespace beside it."""
    tool = {"type": "namespace", "name": "mail", "description": "d", "tools": [{"type": "function", "name": "send"}]}
    item, _ = one_call(tool, "{}", name="mail__send")
    assert (item["name"], item["namespace"]) == ("send", "mail")


def test_tools_that_the_conversation_brought():
    """A call of a tool that a search found later is that tool's."""
    found = {"type": "tool_search_output", "call_id": "c", "execution": "client",
             "tools": [{"type": "custom", "name": "late"}]}  # fmt: skip
    events = written(("tool", "toolu_1", "late"), ("tool_input", '{"input":"x"}'), stop="tool_use")
    assert final(events, input=[{"role": "user", "content": "a"}, found])["output"][0]["type"] == "custom_tool_call"


THINKING = [
    ("thinking", "h"), ("thinking", "m"), ("signature", "sig-1"),
    ("whole", {"type": "redacted_thinking", "data": "blob"}), ("thinking", "unsigned"), ("text", "ok"),
]  # fmt: skip


def test_thinking():
    """Thinking is a summary with its signature in `encrypted_content`; hidden thinking has the blob alone."""
    found = ladder(written(*THINKING))
    assert kinds([event for event in found if event.get("output_index") == 0]) == [
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_summary_part.done",
        "output_item.done",
    ]  # fmt: skip
    signed, hidden, unsigned, _ = found[-1]["response"]["output"]
    assert signed == {
        "id": "rs_abc_0", "type": "reasoning", "status": "completed",
        "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "ccm-r1.thinking.sig-1",
    }  # fmt: skip
    assert (hidden["summary"], hidden["encrypted_content"]) == ([], "ccm-r1.redacted_thinking.blob")
    assert (unsigned["summary"][0]["text"], unsigned["encrypted_content"]) == ("unsigned", None)


def test_thinking_comes_back():
    """A client that sends an answer's items again gives back the very blocks they were made of, signatures and all."""
    items = final(written(*THINKING))["output"]
    assert hub({"role": "user", "content": "a"}, *items)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig-1"},
        {"type": "redacted_thinking", "data": "blob"},
        {"type": "text", "text": "ok"},
    ]


def test_thinking_without_a_word():
    """A signature alone is an item, without an event of a summary; nothing at all is none."""
    found = ladder(written(("signature", "s"), ("text", "x")))
    assert kinds(found)[2:4] == ["output_item.added", "output_item.done"]
    empty = {"type": "content_block_start", "content_block": {"type": "thinking", "thinking": "", "signature": ""}}
    assert final(blocks(empty, {"type": "content_block_stop"}))["output"] == []


def test_web_searches():
    """A search is a web_search_call with its query and sources, told step by step."""
    found = ladder(written(("whole", SEARCH), ("whole", FOUND), ("text", "ok")))
    assert kinds(found)[2:7] == [
        "output_item.added", "web_search_call.in_progress", "web_search_call.searching", "web_search_call.completed",
        "output_item.done",
    ]  # fmt: skip
    action = {"type": "search", "query": "q", "queries": ["q"], "sources": [{"type": "url", "url": "https://x"}]}
    assert found[-1]["response"]["output"] == [
        {"id": "ws_abc_0", "type": "web_search_call", "status": "completed", "action": action}, message("ok", 1),
    ]  # fmt: skip


def test_a_search_that_failed():
    """An error in place of results is a failed search; a search without any answer is just over."""
    failed = {**FOUND, "content": {"type": "web_search_tool_result_error", "error_code": "unavailable"}}
    assert final(written(("whole", SEARCH), ("whole", failed)))["output"][0]["status"] == "failed"
    assert final(written(("whole", SEARCH), ("text", "x")))["output"][0]["status"] == "completed"


def test_a_query_in_pieces_and_other_server_tools():
    """A query may come in pieces; tools of Anthropic's that Responses has no item for say nothing."""

    def start(name):
        return {"type": "content_block_start", "content_block": {**SEARCH, "name": name, "input": {}}}

    piece = {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": '{"query":"z"}'}}
    stop = {"type": "content_block_stop"}
    output = final(blocks(start("web_search"), piece, stop, start("code_execution"), piece, stop))["output"]
    assert [item["action"]["query"] for item in output] == ["z"]


def test_arguments_that_were_cut_off():
    """A call cut off by the limit is told as far as it came, and as incomplete."""
    events = written(("tool", "toolu_1", "f"), ("tool_input", '{"x":'), stop="max_tokens")
    item = final(events, tools=[{"type": "function", "name": "f"}])["output"][0]
    assert (item["status"], item["arguments"]) == ("incomplete", '{"x":')
