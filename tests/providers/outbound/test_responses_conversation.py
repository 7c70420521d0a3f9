"""Turns as Responses items: calls keep their outputs, media stay where they were, reasoning goes home only."""

import json

import pytest

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.openai_responses.request import build_body
from providers.wire.signatures import tag
from tests.cast import request
from tests.providers.outbound.responses_cast import (
    CODEX,
    FILE,
    IMAGE,
    PDF,
    PICTURE,
    assistant,
    call,
    called,
    items,
    notes,
    output,
    result,
    said,
    sent,
    text,
    upstream,
    user,
    with_quirks,
)

ONE, TWO = "call_1", "call_2"
CALLS = assistant(call(ONE), call(TWO))
INTERRUPTED = "[tool call was interrupted]"

RESULTS = {
    "in order": ([result(ONE, "a"), result(TWO, "b")], [output(ONE, "a"), output(TWO, "b")]),
    "out of order": ([result(TWO, "b"), result(ONE, "a")], [output(ONE, "a"), output(TWO, "b")]),
    "missing": ([result(TWO, "b")], [output(ONE, INTERRUPTED, failed=True), output(TWO, "b")]),
    "twice": ([result(ONE, "a"), result(ONE, "z"), result(TWO, "b")], [output(ONE, "a"), output(TWO, "b")]),
    "orphan": (
        [result(ONE), result(TWO), result("call_9", "z")],
        [output(ONE), output(TWO), said("[tool result call_9] z")]),
    "orphan with an image": (
        [result(ONE), result(TWO), result("call_9", [IMAGE])],
        [output(ONE), output(TWO), said("[tool result call_9]", PICTURE)]),
    "error": (
        [result(ONE, "bad", is_error=True), result(TWO, "", is_error=True)],
        [output(ONE, "Error: bad", failed=True), output(TWO, "Error: (no output)", failed=True)]),
    "error with an image": (
        [result(ONE, [IMAGE], is_error=True), result(TWO)],
        [output(ONE, [{"type": "input_text", "text": "Error:"}, PICTURE], failed=True), output(TWO)]),
    "empty": ([result(ONE, ""), result(TWO, [])], [output(ONE, "(no output)"), output(TWO, "(no output)")]),
    "null": ([result(ONE, None), result(TWO, [text("")])], [output(ONE, "(no output)"), output(TWO, "(no output)")]),
    "several texts": ([result(ONE, [text("a"), text("b")]), result(TWO)], [output(ONE, "a\nb"), output(TWO)]),
    "then text": ([result(ONE), text("go on"), result(TWO)], [output(ONE), output(TWO), said("go on")]),
    "tool references": (
        [result(ONE, [{"type": "tool_reference", "tool_name": "A"}, {"type": "tool_reference", "name": "B"}]),
         result(TWO)],
        [output(ONE, "Loaded tools: A, B"), output(TWO)]),
    "image and PDF": (
        [result(ONE, [text("see"), IMAGE]), result(TWO, [PDF])],
        [output(ONE, [{"type": "input_text", "text": "see"}, PICTURE]), output(TWO, [FILE])]),
    "plain document": (
        [result(ONE, [{"type": "document", "title": "t", "source": {"type": "text", "data": "d"}}]), result(TWO)],
        [output(ONE, "[t]\nd"), output(TWO)]),
}  # fmt: skip


@pytest.mark.parametrize("case", RESULTS)
def test_every_call_gets_one_output(case):
    """One output per call, after the calls and in their order, whatever the client's turn holds."""
    blocks, expected = RESULTS[case]
    assert items(CALLS, user(*blocks)) == [called(ONE), called(TWO), *expected]


def test_repaired_results_are_told():
    """Made up, dropped and moved results are each named once; a faithful turn has no notes."""
    assert notes(CALLS, user(result(ONE), result(TWO), text("x"))) == ()
    assert notes(CALLS, user(text("x"))) == ("missing tool results filled in",)
    assert notes(CALLS, user(*[result(ONE)] * 3, result("z"), result(TWO))) == (
        "second results of a call dropped", "results without a call told as text",
    )  # fmt: skip


def test_results_spread_over_user_turns_are_not_lost():
    """Results in several user turns all follow their calls, and what else was said comes after."""
    made = items(CALLS, user(result(ONE, "a"), text("x")), user(result(TWO, "late"), IMAGE), assistant(text("b")))
    assert made[2:] == [output(ONE, "a"), output(TWO, "late"), said("x", PICTURE), said("b", role="assistant")]


def test_calls_of_assistant_turns_in_a_row_are_answered_together():
    """Two assistant turns with no user turn between are one to Messages: no result of either is lost."""
    made = items(assistant(call(ONE)), assistant(call(TWO)), user(result(ONE, "a"), result(TWO, "b")))
    assert made == [called(ONE), called(TWO), output(ONE, "a"), output(TWO, "b")]


def test_an_assistant_turn_does_not_wait_for_results():
    """What the user said before the next assistant turn comes before it, results that never came included."""
    made = items(CALLS, user(result(TWO), text("x")), assistant(text("b")), user(result(ONE, "late")))
    assert made[2:] == [
        output(ONE, INTERRUPTED, failed=True), output(TWO), said("x"), said("b", role="assistant"),
        said(f"[tool result {ONE}] late"),
    ]  # fmt: skip


def test_calls_at_the_very_end_are_settled():
    """Calls after which nothing comes still get an output each: the API refuses a conversation without."""
    assert items(CALLS)[2:] == [output(id_, INTERRUPTED, failed=True) for id_ in (ONE, TWO)]


def test_ids_are_the_same_on_both_sides():
    """An id Responses refuses is mapped alike in the call and in its output; a legal one is kept."""
    for id_ in ("x" * 65, "with spaces", "plus+/=", "", "line\n"):
        made, answered = items(assistant(call(id_)), user(result(id_, "r")))
        assert answered == output(made["call_id"], "r")
        assert made["call_id"] != id_
        assert len(made["call_id"]) <= 64
    assert items(CALLS)[0]["call_id"] == ONE


def test_an_assistant_turn_keeps_its_order():
    """Text before and after a call stays there, texts in a row share a message, arguments are compact JSON."""
    turn = assistant(text("a"), text(""), text("b"), call(ONE, z=1, a="é"), text("c"))
    assert items(turn, user(result(ONE))) == [
        said("a", "b", role="assistant"), called(ONE, arguments='{"z":1,"a":"é"}'), said("c", role="assistant"),
        output(ONE),
    ]  # fmt: skip
    assert items(assistant(text("")), user(text("x"))) == [said("x")]
    assert items({"role": "assistant", "content": None}, {"role": "user", "content": "x"}) == [said("x")]


def test_what_server_tools_did_is_told_in_words():
    """The client's record of a web search becomes text of the assistant."""
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    found = {"type": "web_search_tool_result", "content": [{"title": "T", "url": "http://t"}]}
    assert items(assistant(search, found)) == [
        said('[web_search: {"query": "q"}]', "[result: T http://t]", role="assistant")
    ]


def test_phase_is_told_only_where_it_is_wanted():
    """Text before a call of the same turn is commentary, text after the last one the answer."""
    turns = assistant(text("a"), call(ONE), text("b"), call(TWO), text("c")), user(result(ONE), result(TWO))
    phases = [item.get("phase") for item in items(*turns, preset=CODEX) if item.get("role") == "assistant"]
    assert phases == ["commentary", "commentary", "final_answer"]
    assert items(assistant(text("a")), preset=CODEX) == [
        {**said("a", role="assistant"), "phase": "final_answer"}
    ]  # fmt: skip
    assert "phase" not in json.dumps(items(*turns))


def thought(words="hm", id_="rs_1", blob="gAAA", origin=None, **payload):
    signed = tag(origin or upstream().origin, payload or {"id": id_, "encrypted_content": blob})
    return {"type": "thinking", "thinking": words, "signature": signed}


def reasoning(words="hm", id_="rs_1", blob="gAAA"):
    summary = [{"type": "summary_text", "text": words}] if words else []
    return {"type": "reasoning", "id": id_, "summary": summary, "encrypted_content": blob}


def test_own_reasoning_goes_back_before_what_it_led_to():
    """Each thinking block is one item, right before the call or message it led to, and splits the text around it."""
    turn = assistant(thought(), text("a"), thought("", "rs_2"), thought("x", "rs_3"), call(ONE), text("b"))
    assert items(turn, user(result(ONE))) == [
        reasoning(), said("a", role="assistant"), reasoning("", "rs_2"), reasoning("x", "rs_3"), called(ONE),
        said("b", role="assistant"), output(ONE),
    ]  # fmt: skip
    assert notes(turn, user(result(ONE))) == ()
    split = assistant(text("a"), thought(), text("b"))
    assert items(split) == [said("a", role="assistant"), reasoning(), said("b", role="assistant")]


def test_reasoning_that_led_to_nothing_is_dropped():
    """The API refuses reasoning without what followed it: a turn's last thought is left out, and told."""
    assert items(assistant(thought()), user(text("x"))) == [said("x")]
    assert items(assistant(thought(), text(""))) == []
    assert items(assistant(text("a"), thought()), assistant(text("b"))) == [
        said("a", role="assistant"), said("b", role="assistant"),
    ]  # fmt: skip
    assert notes(assistant(thought())) == ("reasoning that led to nothing dropped",)


FOREIGN = {
    "Anthropic's": {"type": "thinking", "thinking": "hm", "signature": "EqQBCkYIBxgC"},
    "another model's": thought(origin="openai_responses:oai/gpt-4"),
    "damaged": {"type": "thinking", "thinking": "hm", "signature": "ccm1.!!"},
    "unsigned": {"type": "thinking", "thinking": "hm"},
    "without a blob": thought(id_="rs_1", blob=""),
    "of another kind": thought(thoughtSignature="x"),
    "without an id": thought(encrypted_content="gAAA"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_thinking_is_dropped(case):
    """What this very model at this provider did not think is neither sent as reasoning nor as text."""
    turn = assistant(FOREIGN[case], text("a"))
    assert items(turn) == [said("a", role="assistant")]
    assert notes(turn) == ("foreign thinking dropped",)


def test_redacted_thinking_is_dropped():
    """It is Anthropic's own blob: nobody else can read it."""
    turn = assistant({"type": "redacted_thinking", "data": "x"}, call(ONE)), user(result(ONE))
    assert items(*turn) == [called(ONE), output(ONE)]
    assert notes(*turn) == ("redacted thinking dropped",)


def test_the_codex_backend_takes_reasoning_without_an_id():
    """An id that was never told is left out there, and there only."""
    made, _ = build_body(request({"messages": [assistant(thought(encrypted_content="g"), text("a"))]}), upstream(CODEX))
    assert made["input"][0] == {
        "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "g",
    }  # fmt: skip


def test_user_content_goes_as_parts():
    """Texts, images and documents keep their order and their own parts."""
    plain = {"type": "document", "title": "t", "source": {"type": "text", "data": "d"}}
    mixed = {"type": "document", "source": {"type": "content", "content": [text("x"), IMAGE]}}
    bare = {"type": "document", "source": {"type": "content", "content": "y"}}
    link = {"type": "image", "source": {"type": "url", "url": "http://x/i"}}
    paper = {"type": "document", "source": {"type": "url", "url": "http://x/p"}}
    found = {"type": "search_result", "title": "T", "source": "S", "content": [text("b")]}
    assert items(user(text("a"), text("b"), IMAGE, PDF, plain, mixed, bare, link, paper, found)) == [
        said("a", "b", PICTURE, FILE, "[t]\nd", "x", PICTURE, "y",
             {"type": "input_image", "image_url": "http://x/i", "detail": "auto"},
             {"type": "input_file", "file_url": "http://x/p"}, "T (S)\nb")
    ]  # fmt: skip


def test_blocks_without_a_place_are_dropped_and_told():
    """An unknown block is never an error, in whichever turn it stands."""
    odd = {"type": "container_upload", "file_id": "f"}
    assert items(user(odd, text("a")), assistant({"type": "fallback"}), user(odd)) == [said("a")]
    for turns in ([user(odd)], [assistant({"type": "fallback"})], [CALLS, user(result(ONE, [odd]), result(TWO))]):
        assert notes(*turns) == ("blocks without a place dropped",)


@pytest.mark.parametrize(
    ("block", "words", "quirks"),
    [
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "image_block", {}),
        ({"type": "image", "source": {"type": "url", "url": 7}}, "image_block", {}),
        ({"type": "image"}, "image_block", {}),
        (IMAGE, "image_block", {"images": False}),
        ({"type": "document", "source": {"type": "file", "file_id": "f"}}, "document_block", {}),
        ({"type": "document", "source": 7}, "document_block", {}),
        (PDF, "document_block", {"pdf": False}),
    ],
)  # fmt: skip
def test_media_are_refused_in_the_clients_words(block, words, quirks):
    """Media that the target cannot take, in a turn or in a result, are refused and not left out silently."""
    for turn in (user(block), user(result(ONE, [block]))):
        with pytest.raises(UpstreamFailure) as caught:
            items(turn, preset=with_quirks(**quirks))
        assert caught.value.failure.kind is FailureKind.INCAPABLE
        assert caught.value.failure.message == f"capability_rejected: {words}"


def test_a_system_turn_is_a_developers_message_in_its_place():
    """A system message amid the turns stays there; one that only carries settings makes no item."""
    inline = {"role": "system", "content": [text("be brief"), text("now")]}
    for preset in (with_quirks(), CODEX):
        made = items(user(text("a")), inline, user(text("b")), preset=preset)
        assert made == [said("a"), said("be brief\n\nnow", role="developer"), said("b")]
    assert items(user(text("a")), {"role": "system", "output_config": {"effort": "low"}}) == [said("a")]
    early = items(CALLS, inline, user(text("x")))
    assert [item["type"] for item in early[2:4]] == ["function_call_output"] * 2
    assert early[4:] == [said("be brief\n\nnow", role="developer"), said("x")]


CONVERSATION = [
    user(text("start")), assistant(thought(), text("one"), call(ONE), call(TWO)),
    user(result(TWO), result(ONE), text("and")), {"role": "system", "content": "brief"},
    assistant(call("call_3", "x" * 80)), user(result("call_3", [IMAGE])), assistant(thought(), text("done")),
    user(text("more")),
]  # fmt: skip


@pytest.mark.parametrize("preset", [with_quirks(), CODEX])
def test_a_later_turn_begins_with_the_earlier_one(preset):
    """The items of turn n are the beginning of those of turn n+1, and the same request makes the same body."""
    whole = items(*CONVERSATION, preset=preset)
    for count in (1, 3, 4, 6, 8):
        earlier = items(*CONVERSATION[:count], preset=preset)
        assert whole[: len(earlier)] == earlier
    once, again = (json.dumps(sent({"messages": CONVERSATION}, preset)) for _ in range(2))
    assert once == again
