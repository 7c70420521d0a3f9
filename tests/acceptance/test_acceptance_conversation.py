"""Items 1 to 6 and 10 of the acceptance list: what becomes of a conversation's turns in every wire format."""

import json

import pytest

from providers.errors import FailureKind, UpstreamFailure
from tests.acceptance.bodies import (
    IMAGE,
    INSTRUCTIONS,
    OFFERED,
    OPENING,
    PDF,
    PDF_DATA,
    PNG,
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
from tests.acceptance.transcript import COMPATIBLE, TRANSLATED, call, lines, sent, told, upstream
from tests.cast import request

every_format = pytest.mark.parametrize("preset", COMPATIBLE)
SHORT_IDS = ["mistral"]


def kinds(found):
    return [line[0] for line in found]


def untranslated(body):
    """A body on the native path comes out as it went in."""
    made = request(body)
    return call("anthropic", body, model=body["model"]).body == made.body


@every_format
@pytest.mark.parametrize("content", [INSTRUCTIONS, [text(INSTRUCTIONS)]], ids=["string", "blocks"])
def test_01_role_system_first_turn_message(preset, content):
    """A system message after the first turn stays where it is, and its shape makes no difference upstream."""
    body = agent()
    body["messages"] = [OPENING[0], aside(content, output_config={"effort": "medium"})]
    found = lines(sent(preset, body))
    assert found[0] == ("system", "You are a coding agent.\n\nBe brief.")
    assert found[-2][1].endswith("read the files")
    assert found[-1] == ("aside", INSTRUCTIONS)
    assert sent(preset, body) == sent(preset, agent())
    assert untranslated(body)


@every_format
def test_01_role_system_with_only_output_config(preset):
    """A system message that only carries settings is no message, but its effort counts."""
    low = aside([], output_config={"effort": "low"})
    silent = {"role": "system", "output_config": {"effort": "low"}}
    for message in (low, silent):
        body = {**agent(), "messages": [user(text("a")), message]}
        assert kinds(lines(sent(preset, body))) == ["system", "user"]
        if preset in TRANSLATED:
            assert '"low"' in json.dumps(sent(preset, body)).lower()


@every_format
def test_01_role_system_after_tool_results(preset):
    """A system message that follows results comes after them, never between a call and its result."""
    found = told(preset, user(text("a")), assistant(use("t1")), user(result("t1")), aside("now careful"),
                 assistant(text("b")))  # fmt: skip
    assert kinds(found) == ["user", "call", "result", "aside", "assistant"]
    assert found[3] == ("aside", "now careful")


@every_format
def test_02_tool_reference_and_deferred_tools(preset):
    """Deferred tools are offered, the placeholder is not, and a reference says in words what was loaded."""
    names = ["WebFetch", "WebSearch"]
    reference = result("t1", [{"type": "tool_reference", "tool_name": name} for name in names])
    body = agent(assistant(use("t1", "ToolSearch", query="web")), user(reference, text("Tool loaded.")))
    made = sent(preset, body)
    found = lines(made)
    assert found[-2:] == [("result", found[-3][1], "Loaded tools: WebFetch, WebSearch"), ("user", "Tool loaded.")]
    functions = made["tools"][0].get("functionDeclarations", made["tools"])
    assert [one.get("function", one)["name"] for one in functions] == OFFERED
    assert "defer_loading" not in json.dumps(made)
    assert "DeferredToolPlaceholder" not in json.dumps(made)
    assert untranslated(body)


@every_format
def test_03_results_then_text(preset):
    """A turn of results and text becomes the results, right after their calls, and then the text."""
    calls = assistant(text("I look."), use("t1"), use("t2", "Bash"))
    for blocks in ([result("t1", "1"), result("t2", "2"), text("go on")],
                   [text("go on"), result("t2", "2"), result("t1", "1")]):  # fmt: skip
        found = told(preset, user(text("a")), calls, user(*blocks))
        assert kinds(found) == ["user", "assistant", "call", "call", "result", "result", "user"]
        assert [line[2] for line in found[4:6]] == ["1", "2"]
        assert [line[1] for line in found[2:4]] == [line[1] for line in found[4:6]]
        assert found[6] == ("user", "go on")


@every_format
def test_04_parallel_results_with_is_error(preset):
    """Of parallel results each keeps its own call, and the failed one says so."""
    calls = assistant(use("t1"), use("t2", "Bash"), use("t3"))
    results = user(result("t3", "3"), result("t2", "no such file", is_error=True), result("t1", "1", is_error=False))
    found = told(preset, user(text("a")), calls, results)
    assert [line[2] for line in found[4:]] == ["1", "Error: no such file", "3"]
    assert [line[1] for line in found[4:]] == [line[1] for line in found[1:4]]


MEDIA_SUPPORTED = {
    "openai-chat": ("both", "after"), "openai": ("both", "inside"), "gemini": ("both", "inside"),
    "vertex-ai": ("both", "inside"), "openrouter": ("both", "after"), "mistral": ("image", "after"),
    "groq": ("image", "after"), "moonshot": ("image", "after"), "deepseek": ("", ""),
}  # fmt: skip


@pytest.mark.parametrize("preset", MEDIA_SUPPORTED)
@pytest.mark.parametrize(("block", "kind", "data"), [(IMAGE, "image", PNG), (PDF, "pdf", PDF_DATA)])
def test_05_media_inside_a_tool_result(preset, block, kind, data):
    """An image or a PDF in a result reaches a target that takes it; any other refuses it in the client's word."""
    turns = [user(text("a")), assistant(use("t1"), use("t2")), user(result("t1", [block]), result("t2", "2"))]
    taken, place = MEDIA_SUPPORTED[preset]
    if taken not in ("both", kind):
        with pytest.raises(UpstreamFailure) as refused:
            told(preset, *turns)
        word = "image_block" if kind == "image" else "document_block"
        assert refused.value.failure.kind is FailureKind.INCAPABLE
        assert refused.value.failure.message == f"capability_rejected: {word}"
        return
    found = told(preset, *turns)
    after = ["result", "result", "user", "media"]
    assert kinds(found)[3:] == (["result", "media", "result"] if place == "inside" else after)
    media = next(line for line in found if line[0] == "media")
    assert media[1] == kind
    assert media[2].endswith(data)
    if place == "after":
        assert all(line[2].strip() for line in found if line[0] == "result")
        assert found[3][1] in found[5][1]


def test_05_media_inside_a_tool_result_for_an_older_gemini():
    """Before Gemini 3 a result holds no media: they stand beside it."""
    turns = [user(text("a")), assistant(use("t1")), user(result("t1", [IMAGE]))]
    found = told("gemini", *turns, model="gemini-2.5-pro")
    assert kinds(found) == ["user", "call", "result", "user", "media"]


@every_format
def test_06_empty_assistant_empty_text_and_null_content(preset):
    """What says nothing makes no message, and never parts a call from its result."""
    found = told(
        preset, user(text("a")), assistant(), assistant(text("")), {"role": "assistant", "content": None},
        {"role": "assistant", "content": ""}, {"role": "assistant"}, user(text("")), {"role": "user", "content": None},
        assistant(text(""), use("t1")), user(text("")), user(result("t1", None), text("")), user(result("t1", [])),
    )  # fmt: skip
    assert kinds(found)[:3] == ["user", "call", "result"]
    assert found[2][2] == "(no output)"
    assert all(line[1] for line in found if line[0] in ("user", "assistant"))


@every_format
def test_06_a_call_without_its_result_and_a_result_without_its_call(preset):
    """A call that was never answered gets a truthful result, and a stray result is told as text."""
    found = told(preset, user(text("a")), assistant(use("t1"), use("t2")), user(result("t1"), result("t9", "stray")))
    assert kinds(found) == ["user", "call", "call", "result", "result", "user"]
    assert "interrupted" in found[4][2]
    assert "stray" in found[5][1]


@every_format
def test_10_redacted_thinking_in_the_history(preset):
    """Redacted thinking goes to nobody but its maker: a translated upstream gets the rest of the turn."""
    redacted = {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ"}
    turns = [user(text("a")), assistant(redacted, text("b"), use("t1")), user(result("t1")), assistant(redacted)]
    found = told(preset, *turns)
    assert kinds(found) == ["user", "assistant", "call", "result"]
    assert "cmVkYWN0ZWQ" not in json.dumps(sent(preset, {"messages": turns}))


def test_10_redacted_thinking_stays_on_the_native_path():
    """An Anthropic upstream gets redacted and empty thinking back to the byte."""
    redacted = {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ"}
    assert untranslated(agent(assistant(redacted, thought(""), use("t1")), user(result("t1"))))


@every_format
def test_26_long_names_and_ids(preset):
    """Names and ids that a target refuses are spelled anew, the same way in tools, calls, results and choice."""
    long = [f"mcp__a_server_with_quite_a_long_name_of_its_own__and_a_tool_{n}_{'x' * 40}" for n in range(2)]
    ids = ["toolu_" + "a" * 80, "toolu.odd:" + "b" * 70]
    body = {
        "messages": [user(text("a")), assistant(*map(use, ids, long)), user(*(result(i) for i in ids))],
        "tools": [tool(name) for name in long], "tool_choice": {"type": "tool", "name": long[1]},
    }  # fmt: skip
    made = sent(preset, body)
    found = lines(made)
    calls, results = found[1:3], found[3:]
    functions = made["tools"][0].get("functionDeclarations", made["tools"])
    offered = [one.get("function", one)["name"] for one in functions]
    assert offered == [line[2] for line in calls]
    assert len(set(offered)) == 2
    assert all(len(name) <= 64 for name in offered)
    assert [line[1] for line in calls] == [line[1] for line in results]
    assert all(one is None or len(one) <= (9 if preset in SHORT_IDS else 64) for _, one, *_ in calls)
    assert offered[1] in json.dumps(made.get("tool_choice", made.get("toolConfig")))
    assert sent(preset, body) == made


def test_26_legal_names_and_ids_are_kept():
    """What a target takes is not touched."""
    for preset in TRANSLATED:
        found = told(preset, user(text("a")), assistant(use("toolu_01", "mcp__s__t")), user(result("toolu_01")))
        assert [line[1] for line in found[1:]] == ["toolu_01", "toolu_01"]
        assert upstream(preset).preset.name == preset
