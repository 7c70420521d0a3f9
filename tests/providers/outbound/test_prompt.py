"""What a conversation holds that only Anthropic has a block for: every other model is told it in words."""

import pytest

from providers.outbound.prompt import spoken_text
from tests.acceptance.transcript import TRANSLATED, told

USER = {"role": "user", "content": "go on"}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}


def text(words):
    return {"type": "text", "text": words}


def document(*inner, **fields):
    return {"type": "document", "source": {"type": "content", "content": list(inner)}, **fields}


def result(kind, content):
    return {"type": f"{kind}_tool_result", "tool_use_id": "srvtoolu_1", "content": content}


page = {"type": "document", "title": "A page", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}
RESULTS = {
    "searches": (
        result("web_search", [{"type": "web_search_result", "title": "T", "url": "u", "encrypted_content": "e"}] * 2),
        "[result: T u]\n[result: T u]",
    ),
    "a failed search": (
        result("web_search", {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}),
        "[result: max_uses_exceeded]",
    ),
    "a page": (
        result("web_fetch", {"type": "web_fetch_result", "url": "u", "content": page}),
        "[result: u\n[A page]\nwords]",
    ),
    "a program": (
        result("code_execution", {"type": "code_execution_result", "stdout": "42\n", "stderr": "", "return_code": 0,
                                  "content": []}),
        "[result: 42]",
    ),
    "a command that failed": (
        result("bash_code_execution", {"type": "bash_code_execution_result", "stdout": "a", "stderr": "b",
                                       "return_code": 2, "content": []}),
        "[result: a\nb\nexit code 2]",
    ),
    "a file": (
        result("text_editor_code_execution", {"type": "text_editor_code_execution_view_result", "content": "x = 1",
                                              "file_type": "text"}),
        "[result: x = 1]",
    ),
    "a change": (
        result("text_editor_code_execution", {"type": "text_editor_code_execution_str_replace_result",
                                              "lines": ["-a", "+b"]}),
        "[result: -a\n+b]",
    ),
    "tools": (
        result("tool_search", {"type": "tool_search_tool_search_result",
                               "tool_references": [{"type": "tool_reference", "tool_name": "A"}]}),
        "[result: Loaded tools: A]",
    ),
    "a tool of a connected server": (result("mcp", [text("found")]), "[result: found]"),
    "the same in one text": (result("mcp", "found"), "[result: found]"),
    "nothing": (result("mcp", None), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_what_a_server_tool_found_is_told(name):
    """What Anthropic's servers ran or found reaches a model of another vendor as far as it can be read."""
    block, words = RESULTS[name]
    assert spoken_text(block) == words


def test_a_call_of_a_connected_server_is_told():
    """A call that Anthropic made of an MCP server is told with its input, as its result is."""
    call = {"type": "mcp_tool_use", "id": "m", "name": "find", "server_name": "s", "input": {"q": 1}}
    assert spoken_text(call) == '[find: {"q": 1}]'


@pytest.mark.parametrize("preset", TRANSLATED)
def test_a_program_that_the_server_ran_is_not_forgotten(preset):
    """Call and output stand in the assistant's turn, whoever goes on with the conversation."""
    call = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "code_execution", "input": {"code": "6*7"}}
    turn = {"role": "assistant", "content": [call, RESULTS["a program"][0], text("It is 42.")]}
    said = "\n".join(line[1] for line in told(preset, USER, turn, USER) if line[0] == "assistant")
    assert '[code_execution: {"code": "6*7"}]' in said
    assert "[result: 42]" in said


@pytest.mark.parametrize("preset", TRANSLATED)
def test_a_document_of_blocks_keeps_its_images(preset):
    """Texts and images of a document stay in order, its title and context before them."""
    made = document(text("one"), PNG, text("two"), title="Report", context="from Monday")
    lines = told(preset, {"role": "user", "content": [made]})
    assert lines[0] == ("user", "[Report]\nfrom Monday")
    assert [(*line[:1], line[-1].rpartition(",")[2]) for line in lines[1:]] == [
        ("user", "one"), ("media", "AAAA"), ("user", "two"),
    ]  # fmt: skip


@pytest.mark.parametrize("preset", TRANSLATED)
def test_a_document_of_blocks_in_a_result_keeps_its_images(preset):
    """The same in the result of a call: the text is the result's, the image comes with it or right after."""
    call = {"type": "tool_use", "id": "call_1", "name": "Read", "input": {}}
    answer = {"type": "tool_result", "tool_use_id": "call_1", "content": [document(text("one"), PNG)]}
    lines = told(preset, USER, {"role": "assistant", "content": [call]}, {"role": "user", "content": [answer]})
    assert next(line[2] for line in lines if line[0] == "result") == "one"
    assert [line[2].rpartition(",")[2] for line in lines if line[0] == "media"] == ["AAAA"]


@pytest.mark.parametrize("preset", TRANSLATED)
def test_the_context_of_a_text_document_is_told(preset):
    """Title and context stand before the text they are about."""
    lines = told(preset, {"role": "user", "content": [{**page, "context": "from Monday"}]})
    assert lines == [("user", "[A page]\nfrom Monday\nwords")]
