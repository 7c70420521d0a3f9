"""Turns as Gemini's contents: results after their calls, signatures where they came from, media as parts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.outbound.gemini.conversation import OPENING, SKIPPED
from providers.wire import signatures
from tests.providers.outbound.gemini_cast import (
    ASK,
    CALLS,
    IMAGE,
    NEW,
    OLD,
    ONE,
    PAGES,
    PDF,
    PICTURE,
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
)


def answer(id_, output="ok", key="output", name="Read", **fields):
    return {"functionResponse": {"id": id_, "name": name, "response": {key: output}, **fields}}


def called(id_, name="Read", signature="", **args):
    signed = {"thoughtSignature": signature} if signature else {}
    return {"functionCall": {"id": id_, "name": name, "args": args}, **signed}


def after_calls(*blocks, **fields):
    """The parts of the turn after two calls."""
    asked, _, answered = turns(ASK, CALLS, user(*blocks), **fields)
    assert (asked["role"], answered["role"]) == ("user", "user")
    return answered["parts"]


A1, A2 = answer(ONE, "a"), answer(TWO, "b", name="Bash")
RESULTS = {
    "in order": ([result(ONE, "a"), result(TWO, "b")], [A1, A2]),
    "out of order": ([result(TWO, "b"), result(ONE, "a")], [A1, A2]),
    "missing": ([result(TWO, "b")], [answer(ONE, "[tool call was interrupted]", "error"), A2]),
    "twice": ([result(ONE, "a"), result(ONE, "z"), result(TWO, "b")], [A1, A2]),
    "orphan": ([result("call_9", ["z", text("z")]), result(ONE, "a"), result(TWO, "b")],
               [A1, A2, {"text": "[tool result call_9] z"}]),
    "error": ([result(ONE, "bad", is_error=True), result(TWO, "", is_error=True)],
              [answer(ONE, "bad", "error"), answer(TWO, "(no output)", "error", "Bash")]),
    "empty": ([result(ONE, ""), result(TWO, None)],
              [answer(ONE, "(no output)"), answer(TWO, "(no output)", name="Bash")]),
    "then text": ([result(ONE, "a"), text("go on"), result(TWO, "b")], [A1, A2, {"text": "go on"}]),
    "several texts": ([result(ONE, [text("a"), text(""), text("c")]), result(TWO, "b")], [answer(ONE, "a\nc"), A2]),
    "tool references": (
        [result(ONE, [{"type": "tool_reference", "tool_name": "A"}, {"type": "tool_reference", "tool_name": "B"}]),
         result(TWO, "b")],
        [answer(ONE, "Loaded tools: A, B"), A2]),
    "media": (
        [result(ONE, [IMAGE]), result(TWO, [text("see"), PDF])],
        [answer(ONE, "[see the attached media]", parts=[PICTURE]), answer(TWO, "see", name="Bash", parts=[PAGES])]),
    "address": (
        [result(ONE, [{"type": "image", "source": {"type": "url", "url": "gs://b/i.webp"}}]), result(TWO, "b")],
        [answer(ONE, "[see the attached media]"), A2, {"text": f"[media from tool call {ONE}]"},
         {"fileData": {"mimeType": "image/webp", "fileUri": "gs://b/i.webp"}}]),
    "orphan media": ([result("x", [IMAGE]), result(ONE, "a"), result(TWO, "b")],
                     [A1, A2, {"text": "[tool result x] [see the attached media]"}, PICTURE]),
    "documents": (
        [result(ONE, [{"type": "document", "title": "t", "source": {"type": "text", "data": "d"}}]),
         result(TWO, [{"type": "search_result", "title": "t", "source": "s", "content": [text("found")]}])],
        [answer(ONE, "[t]\nd"), answer(TWO, "t (s)\nfound", name="Bash")]),
}  # fmt: skip


@pytest.mark.parametrize("case", RESULTS)
def test_tool_results_follow_their_calls(case):
    """All results are in one turn, in call order and under the called name; everything else comes after them."""
    blocks, expected = RESULTS[case]
    assert after_calls(*blocks) == expected


def test_earlier_models_get_media_beside_the_results():
    """Before Gemini 3 a result holds no media: they stand after all results, told apart by words."""
    parts = after_calls(result(ONE, [IMAGE]), result(TWO, [PDF]), model=OLD)
    assert [list(part) for part in parts[:2]] == [["functionResponse"]] * 2
    assert all("parts" not in part["functionResponse"] for part in parts[:2])
    assert parts[2:] == [
        {"text": f"[media from tool call {ONE}]"}, PICTURE, {"text": f"[media from tool call {TWO}]"}, PAGES,
    ]  # fmt: skip


@pytest.mark.parametrize("addressing", ["vertex", "code_assist"])
def test_ids_are_for_ai_studio_only(addressing):
    """Elsewhere neither a call nor its result has an id; results find their calls all the same."""
    _, model, answered = turns(ASK, CALLS, user(result(TWO, "b"), result(ONE, "a")), addressing=addressing)
    assert [part["functionCall"] for part in model["parts"]] == [
        {"name": "Read", "args": {}}, {"name": "Bash", "args": {}},
    ]  # fmt: skip
    assert [part["functionResponse"]["response"] for part in answered["parts"]] == [{"output": "a"}, {"output": "b"}]


def test_turns_alternate_and_begin_with_the_user():
    """Turns of one side are one content, empty ones vanish, and a conversation the model began gets an opening."""
    said = turns(assistant(text("a")), assistant(text("b")), user(text("")), user(), user(text("c")), user(text("d")))
    assert said == [
        {"role": "user", "parts": [{"text": OPENING}]}, {"role": "model", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "user", "parts": [{"text": "c"}, {"text": "d"}]},
    ]  # fmt: skip
    assert turns(ASK, assistant(text("pre"))) == [
        {"role": "user", "parts": [{"text": "go"}]}, {"role": "model", "parts": [{"text": "pre"}]},
    ]  # fmt: skip
    assert turns(ASK, CALLS)[2]["parts"][1] == answer(TWO, "[tool call was interrupted]", "error", "Bash")


def test_results_spread_over_user_turns_are_not_lost():
    """Results in several user turns, with a system turn between, all stand in the turn after their calls."""
    inline = {"role": "system", "content": "brief"}
    said = turns(ASK, CALLS, user(result(ONE, "a"), text("x")), inline, user(result(TWO, "b")), assistant(text("y")))
    assert [content["role"] for content in said] == ["user", "model", "user", "model"]
    reminder = {"text": "<system-reminder>\nbrief\n</system-reminder>"}
    assert said[2]["parts"] == [A1, A2, {"text": "x"}, reminder]
    assert len(turns(ASK, {"role": "system", "output_config": {"effort": "low"}})[0]["parts"]) == 1


def test_what_server_tools_did_is_told_in_words():
    """Blocks only Anthropic runs become text; a call's input is always an object; a call without a name is none."""
    search = {"type": "server_tool_use", "name": "web_search", "input": {"query": "q"}}
    odd = {"type": "tool_use", "id": ONE, "name": "Read", "input": "x"}
    turn = turns(ASK, assistant(search, odd, {"type": "tool_use", "id": TWO, "name": 7}))[1]
    assert turn["parts"] == [{"text": '[web_search: {"query": "q"}]'}, called(ONE, signature=SKIPPED)]


SIGNED = {
    "call": ([thinking(signature="s1"), call(ONE)], [called(ONE, signature="s1")]),
    "parallel": ([thinking(), call(ONE), call(TWO)], [called(ONE, signature="sig"), called(TWO)]),
    "text before": ([text("a"), thinking(), call(ONE)], [{"text": "a"}, called(ONE, signature="sig")]),
    "text": ([text("a"), thinking(), text("b")], [{"text": "a"}, {"text": "b", "thoughtSignature": "sig"}]),
    "thoughts": ([thinking("hm"), call(ONE)], [{"text": "hm", "thought": True}, called(ONE, signature="sig")]),
    "each its own": ([thinking(signature="s1"), text("a"), thinking(signature="s2"), call(ONE)],
                     [{"text": "a", "thoughtSignature": "s1"}, called(ONE, signature="s2")]),
    "at the end": ([text("a"), thinking()], [{"text": "a"}, {"text": "", "thoughtSignature": "sig"}]),
    "two at once": ([thinking(signature="s1"), thinking(signature="s2"), call(ONE)],
                    [{"text": "", "thoughtSignature": "s1"}, called(ONE, signature="s2")]),
    "over told words": ([thinking(), {"type": "server_tool_use", "name": "n", "input": 1}, text("a")],
                        [{"text": "[n: 1]"}, {"text": "a", "thoughtSignature": "sig"}]),
}  # fmt: skip


@pytest.mark.parametrize("case", SIGNED)
def test_a_signature_goes_back_on_the_part_it_came_with(case):
    """The signature of a thinking block of this model belongs to the next part; parts are never joined or moved."""
    blocks, expected = SIGNED[case]
    assert turns(ASK, assistant(*blocks))[1]["parts"] == expected
    assert notes({"messages": [ASK, assistant(*blocks)]}) == ()


FOREIGN = [
    {"type": "thinking", "thinking": "hm", "signature": "untagged"}, {"type": "thinking", "thinking": "hm"},
    {"type": "redacted_thinking", "data": "x"}, thinking("hm", model="gemini-3.5-flash"), thinking("hm", signature=""),
    {"type": "thinking", "thinking": "hm", "signature": signatures.tag(to().origin, "odd")},
]  # fmt: skip


@pytest.mark.parametrize("block", FOREIGN)
def test_foreign_thinking_is_dropped_and_its_calls_excused(block):
    """Another model's thinking goes nowhere, which is noted; its first call of a step gets the documented stand-in."""
    turn = assistant(block, text("a"), call(ONE), call(TWO))
    assert turns(ASK, turn)[1]["parts"] == [{"text": "a"}, called(ONE, signature=SKIPPED), called(TWO)]
    assert notes({"messages": [ASK, turn]}) == (
        "foreign thinking dropped", "thought signatures of foreign calls skipped",
    )  # fmt: skip
    assert turns(ASK, turn, model=OLD)[1]["parts"][1:] == [called(ONE), called(TWO)]
    assert notes({"messages": [ASK, turn]}, model=OLD) == ("foreign thinking dropped",)


def test_each_step_is_excused_by_itself():
    """In a mixed history the stand-in is only where no signature is: a real one is never replaced."""
    said = turns(ASK, assistant(call(ONE)), user(result(ONE)), assistant(thinking(), call(TWO)), user(result(TWO)))
    assert [said[at]["parts"][0]["thoughtSignature"] for at in (1, 3)] == [SKIPPED, "sig"]


BLOCKS = [
    text("a"), text(""), IMAGE, thinking(), thinking("hm", "s2"),
    {"type": "thinking", "thinking": "x", "signature": "y"},
    *(call(id_, name) for id_ in (ONE, TWO, "bad id") for name in ("Read", "Bash", "1.odd")),
    *(result(id_, said) for id_ in (ONE, TWO, "bad id", "gone") for said in ("ok", [IMAGE], None)),
]  # fmt: skip
_turns = st.lists(
    st.fixed_dictionaries({
        "role": st.sampled_from(["user", "user", "assistant", "assistant", "system"]),
        "content": st.lists(st.sampled_from(BLOCKS), max_size=5),
    }),
    max_size=7,
)  # fmt: skip


@given(_turns, st.sampled_from([NEW, OLD]), st.sampled_from(["", "vertex"]))
@settings(max_examples=150, deadline=None)
def test_any_mix_of_turns_is_a_conversation(messages, model, addressing):
    """However blocks are mixed, turns alternate, results match calls, first calls are signed, no signature is lost."""
    body = sent({"messages": messages}, model=model, addressing=addressing)
    check_body(body)
    signed = 0
    for content in body["contents"]:
        calls = [part for part in content["parts"] if "functionCall" in part]
        signed += sum(
            part["thoughtSignature"] in ("sig", "s2") for part in content["parts"] if "thoughtSignature" in part
        )
        assert model == OLD or not calls or calls[0]["thoughtSignature"]
        assert all(part.get("thoughtSignature") != SKIPPED for part in calls[1:])
        assert all(("id" in part["functionCall"]) == (addressing == "") for part in calls)
    thoughts = [b for m in messages if m["role"] == "assistant" for b in m["content"] if b in (BLOCKS[3], BLOCKS[4])]
    assert signed == (len(thoughts) if model == NEW else 0)
    for message in messages:
        if message["role"] == "user" and text("a") in message["content"]:
            assert any({"text": "a"} in content["parts"] for content in body["contents"])
