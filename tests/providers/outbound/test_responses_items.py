"""Which output item an event means, on servers that number and name them in their own ways."""

import pytest

from providers.outbound.openai_responses.items import Item, Items
from tests.providers.outbound.responses_replay import added, completed, done, message, replay, sse


@pytest.mark.parametrize("repeated", [True, False])
def test_calls_that_are_all_numbered_zero_are_told_apart(repeated):
    """A server that gives every item the index 0 still makes as many calls as it wrote."""
    calls = [{"id": f"f{n}", "call_id": f"c{n}", "name": "T", "arguments": f'{{"n":{n}}}'} for n in range(2)]
    parts = [part("function_call", 0, **fields) for fields in calls for part in (added, done)]
    output = [{"type": "function_call", **fields} for fields in calls] if repeated else []
    events, _ = replay(*sse(*parts, completed(output=output)))
    assert message(events)[1] == [("c0", "T", '{"n":0}'), ("c1", "T", '{"n":1}')]


def test_a_stream_of_bare_deltas_is_understood():
    """A server that never says where an item begins or ends is read by its deltas alone."""
    parts = [
        {"type": "response.reasoning_text.delta", "item_id": "r", "delta": "hm"},
        {"type": "response.output_text.delta", "delta": "a"}, {"type": "response.output_text.delta", "delta": "b"},
    ]  # fmt: skip
    assert message(replay(*sse(*parts, completed()))[0])[1] == [("thinking", "hm", None), ("text", "ab")]


def test_an_item_is_found_by_index_then_by_id():
    """An id that changes from event to event does not matter where the index fits; without an index the id decides."""
    items = Items()
    first, second = (items.added("message", {"output_index": n, "item": {"id": f"m{n}"}}) for n in range(2))
    first.know({"id": "m0"})
    second.know({"id": "m1"})
    assert items.find("message", {"output_index": 0, "item_id": "other"}) is first
    assert items.find("message", {"item_id": "m0"}) is first
    assert items.find("message", {}) is second
    assert items.find("message", {"item_id": "other"}) is None
    assert items.find("reasoning", {"output_index": 0}) is None


def test_an_item_told_twice_is_one():
    """The same beginning or end told again makes no second item."""
    parts = [added("message", id="m"), added("message", id="m")]
    parts += [done("message", id="m", content=[{"type": "output_text", "text": "x"}])] * 2
    assert message(replay(*sse(*parts, completed()))[0])[1] == [("text", "x")]


def test_the_last_word_adds_only_what_is_new():
    """At its end an item says what goes beyond its pieces, and nothing when it contradicts them."""
    for heard, whole, expected in (("He", "Hello", "Hello"), ("He", "Ho", "He"), ("He", "", "He"), ("", "Ho", "Ho")):
        item = Item("message")
        item.hear(heard, ("", 0))
        item.end({"content": [{"type": "output_text", "text": whole}, {"type": "output_text", "text": 5}]})
        assert item.text == item.take() == expected
        item.hear("late", ("", 0))
        assert (item.text, item.take()) == (expected, "")


def test_the_parts_of_a_reasoning_are_paragraphs():
    """Summary parts are set apart by an empty line, the parts of a message are not; a whole part is news only once."""
    for kind, expected in (("reasoning", "ab\n\nc"), ("message", "abc")):
        item = Item(kind)
        for text, part in (("a", 0), ("b", 0), ("", 1), ("c", 2)):
            item.hear(text, ("part", part))
        item.hear_whole("c", ("part", 2))
        assert item.text == expected


def test_a_second_beginning_under_another_id_is_another_item():
    """Where all are numbered 0 and none is ended, the ids tell the calls apart."""
    parts = [added("function_call", id=f"f{n}", call_id=f"c{n}", name="T") for n in range(2)]
    assert [call[0] for call in message(replay(*sse(*parts, completed()))[0])[1]] == ["c0", "c1"]


def test_the_last_event_completes_each_item_by_its_id():
    """Arguments told only at the end reach the call they belong to, in whatever order they are told."""
    calls = [{"id": f"f{n}", "call_id": f"c{n}", "name": "T"} for n in range(2)]
    output = [{"type": "function_call", **calls[n], "arguments": f'{{"n":{n}}}'} for n in (1, 0)]
    parts = [added("function_call", n, **calls[n]) for n in range(2)]
    events, _ = replay(*sse(*parts, completed(output=output)))
    assert message(events)[1] == [("c0", "T", '{"n":0}'), ("c1", "T", '{"n":1}')]


@pytest.mark.parametrize("ended", [True, False])
def test_an_item_under_another_id_in_the_last_event_is_no_new_one(ended):
    """Its place among its likes tells which item is meant; what had ended says nothing more."""
    text = [{"type": "output_text", "text": "x"}]
    begun = [added("message", id="a"), {"type": "response.output_text.delta", "output_index": 0, "delta": "x"}]
    parts = [done("message", id="a", content=text)] if ended else begun
    output = [{"type": "message", "id": "b", "content": [{"type": "output_text", "text": "xy"}]}]
    events, _ = replay(*sse(*parts, completed(output=output)))
    assert message(events)[1] == [("text", "x" if ended else "xy")]
