"""Histories of several vendors, made fit for an Anthropic upstream."""

import json

import pytest
from hypothesis import given

from providers.wire.signatures import tag
from proxy.repair import repaired
from tests.cast import request
from tests.providers.outbound.odd_bodies import json_values

OURS = tag("openai_chat:x/y", None)
TEXT = {"type": "text", "text": "a"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "T", "input": {}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "r"}]}
ASK = {"role": "user", "content": "hi"}


def thinking(signature):
    return {"type": "thinking", "thinking": "hm", "signature": signature}


def said(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def repair(messages, foreign=(), look=True, **more):
    source = request({"messages": messages, **more})
    after, notes = repaired(source, set(foreign).__contains__, look)
    return json.loads(after.body), notes, after is source


def test_our_own_marks_never_reach_anthropic():
    """Thinking that another wire format gave is dropped, the rest of the turn stays; an emptied turn goes."""
    body, notes, _ = repair([ASK, said(thinking(OURS), TEXT), ASK, said(thinking(OURS)), ASK], look=False)
    assert body["messages"] == [ASK, said(TEXT), ASK, ASK]
    assert notes == ("thinking of another model dropped",)


def test_a_foreign_signature_is_dropped_and_its_own_kept():
    """Of signatures that look alike only those of another maker go, redacted thinking included."""
    redacted = {"type": "redacted_thinking", "data": "theirs"}
    body, notes, _ = repair([ASK, said(thinking("mine"), thinking("theirs"), redacted, TEXT), ASK], foreign=["theirs"])
    assert body["messages"][1] == said(thinking("mine"), TEXT)
    assert notes == ("thinking of another model dropped",)


def test_nothing_to_repair_is_the_same_object():
    """Without foreign parts not a byte changes and nothing is copied."""
    for messages in ([ASK], [ASK, said(thinking("mine"), CALL), RESULT], [ASK, said("x")]):
        assert repair(messages)[2]
    assert repair([ASK, said(thinking("theirs"))], foreign=["theirs"], look=False)[2]


def test_illegal_tool_ids_are_spelled_anew_on_both_sides():
    """An id in another vendor's spelling becomes a legal one, the same for the call and its result."""
    odd = "functions.Bash:0"
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": odd, "content": odd}]}
    body, notes, _ = repair([ASK, said({**CALL, "id": odd}, CALL), result])
    ids = body["messages"][1]["content"][0]["id"], body["messages"][2]["content"][0]["tool_use_id"]
    assert ids[0] == ids[1] and ids[0].startswith("call_")
    assert body["messages"][1]["content"][1] == CALL
    assert body["messages"][2]["content"][0]["content"] == odd
    assert notes == ("tool ids spelled anew",)


def test_stand_ins_for_search_results_become_words():
    """A web search that another vendor ran is told in words; Anthropic's own is left alone."""

    def search(number, secret):
        found = {"type": "web_search_result", "url": "http://u", "title": "t", "encrypted_content": secret}
        return [
            {"type": "server_tool_use", "id": f"srvtoolu_{number}", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": f"srvtoolu_{number}", "content": [found]},
        ]

    body, notes, _ = repair([ASK, said(*search(1, "real"), *search(2, OURS), TEXT), ASK])
    told = [{"type": "text", "text": '[web_search: {"query": "q"}]'}, {"type": "text", "text": "[result: t http://u]"}]
    assert body["messages"][1] == said(*search(1, "real"), *told, TEXT)
    assert notes == ("web search results told in words",)


@pytest.mark.parametrize(
    ("messages", "off"),
    [
        ([ASK, said(thinking(OURS), CALL), RESULT], True),
        ([ASK, said(thinking(OURS), TEXT), ASK], False),
        ([ASK, said(thinking("mine"), thinking(OURS), CALL), RESULT], False),
        ([ASK, said(thinking(OURS), CALL), RESULT, said(thinking("mine"), CALL), RESULT], False),
    ],
)
def test_a_tool_loop_that_lost_its_thinking_goes_on_without(messages, off):
    """`enabled` thinking demands that the loop's turn begins with thinking: without it thinking is off this once."""
    context = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    body, notes, _ = repair(
        messages, thinking={"type": "enabled", "budget_tokens": 2000}, context_management=context
    )  # fmt: skip
    assert (body["thinking"] == {"type": "disabled"}) is off
    assert ("context_management" not in body) is off
    assert ("thinking off in this turn" in notes) is off
    adaptive = repair(messages, thinking={"type": "adaptive"}, context_management=context)[0]
    assert adaptive["thinking"] == {"type": "adaptive"} and "context_management" in adaptive


@given(json_values)
def test_no_history_raises(value):
    """Whatever the turns hold, repairing is quiet."""
    for messages in (value, [value], [said(value, thinking(OURS))], [{"role": "assistant", "content": value}, OURS]):
        repair(messages)
