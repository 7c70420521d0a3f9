"""Turns in the making: who speaks when, and which result belongs to which call."""

from proxy.inbound.turns import Turns


def text(words):
    return {"type": "text", "text": words}


def use(call_id, name="f"):
    return {"type": "tool_use", "id": call_id, "name": name, "input": {}}


def test_what_the_assistant_says_in_pieces_is_one_turn():
    """Answers go on where the last one ended, until somebody else has spoken and the turn is settled."""
    turns = Turns()
    turns.say([text("a")])
    turns.settle()
    turns.answer([text("b")])
    assert not turns.answered
    turns.answer([use("1"), use("2", "g")])
    turns.result("2", [text("two")])
    assert turns.answered
    turns.settle()
    turns.answer([text("c")])
    found = turns.finish()
    assert [[block["type"] for block in turn["content"]] for turn in found] == [
        ["text"], ["text", "tool_use", "tool_use"], ["tool_result", "tool_result"], ["text"],
    ]  # fmt: skip
    assert [(r["tool_use_id"], r.get("is_error")) for r in found[2]["content"]] == [("1", True), ("2", None)]
    assert list(turns.called) == ["f", "g"]


def test_the_first_result_of_a_call_counts():
    """A second result changes nothing; one that says so is a failure; an empty one is told as such."""
    turns = Turns()
    turns.answer([use("1"), use("2")])
    turns.result("1", [], failed=True)
    turns.result("1", [text("late")])
    turns.result("2", [text("two")])
    results = turns.finish()[2]["content"]
    assert results == [
        {"type": "tool_result", "tool_use_id": "1", "content": [text("(no output)")], "is_error": True},
        {"type": "tool_result", "tool_use_id": "2", "content": [text("two")]},
    ]


def test_instructions_go_where_they_came():
    """Before anybody spoke they are the system prompt, afterwards reminders; images among them are left out."""
    turns = Turns()
    turns.instruct([text("a"), {"type": "image"}])
    turns.say([text("hi")])
    turns.instruct([text("b"), {"type": "image"}])
    assert turns.finish()[0]["content"] == [text("hi"), text("<system-reminder>\nb\n</system-reminder>")]
    assert turns.system == [text("a")]


def test_nothing_said_is_no_turn():
    """Without a word there are no turns."""
    assert Turns().finish() == []
