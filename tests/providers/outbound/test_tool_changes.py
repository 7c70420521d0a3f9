"""Tools that come and go amid a conversation, in every format that a request is translated to."""

import pytest

from providers.outbound.names import NameMap
from providers.outbound.tool_changes import changes_text, described_tools, offered_tools
from providers.wire.spans import dumps
from tests.acceptance.transcript import TRANSLATED, lines, sent
from tests.cast import request


def tool(name, words="d"):
    return {"name": name, "description": words, "input_schema": {"type": "object", "properties": {}}}


def added(name, **fields):
    return {"type": "tool_addition", "tool": {"type": "tool_reference", "name": name, **fields}}


def defined(definition):
    return {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": definition}}


def removed(name, **fields):
    return {"type": "tool_removal", "tool": {"type": "tool_reference", "name": name, **fields}}


def aside(*blocks):
    return {"role": "system", "content": list(blocks)}


ASK, SAID = {"role": "user", "content": "go"}, {"role": "assistant", "content": [{"type": "text", "text": "well"}]}
READ, BASH, LATE = tool("Read"), tool("Bash"), tool("Late")


@pytest.mark.parametrize(("changes", "offered"), [
    ([], [READ, BASH]),
    ([removed("Read")], [BASH]),
    ([removed("Read"), added("Read")], [READ, BASH]),
    ([defined(LATE)], [READ, BASH, LATE]),
    ([defined(LATE), removed("Late")], [READ, BASH]),
    ([defined(LATE), removed("Late"), defined(tool("Late", "new"))], [READ, BASH, tool("Late", "new")]),
    ([removed("Read"), defined(tool("Read", "new"))], [tool("Read", "new"), BASH]),
    ([removed("Read", server_name="s", type="mcp_tool_reference"), removed("Never")], [READ, BASH]),
    ([{"type": "compaction", "tool_changes": [removed("Bash")]}], [READ]),
    ([{"type": "tool_removal"}, defined(7), {"type": "compaction", "tool_changes": 7}], [READ, BASH]),
])  # fmt: skip
def test_what_is_offered_at_the_end(changes, offered):
    """Definitions join at the end or take their old place, removals go, and the last word on a name counts."""
    source = {"tools": [READ, BASH], "messages": [ASK, aside(*changes), SAID, "odd", {"content": 7}]}
    assert offered_tools(source) == offered
    assert [one["name"] for one in described_tools(source)][:2] == ["Read", "Bash"]


def test_changes_in_words():
    """One line for what came and one for what went, MCP tools with their server; without changes nothing."""
    server = {"type": "mcp_toolset", "mcp_server_name": "docs"}
    told = changes_text([added("Read"), removed("Bash"), defined(LATE), defined(server), removed("x", server_name="s")])
    assert told == "Tools added: Read, Late, docs\nTools removed: Bash, s: x"
    assert changes_text("plain") == changes_text([{"type": "text", "text": "a"}, {"type": "tool_removal"}]) == ""


def names(body):
    tools = body.get("tools", [])
    tools = tools[0].get("functionDeclarations", tools) if tools else []
    return [one.get("function", one)["name"] for one in tools]


@pytest.mark.parametrize("preset", TRANSLATED)
def test_every_format_offers_what_is_there_and_says_what_changed(preset):
    """The functions are those of the end of the conversation; where a change took place a line tells of it."""
    turns = [ASK, aside({"type": "text", "text": "brief"}, defined(LATE), removed("Read")), SAID, ASK]
    body = sent(preset, {"tools": [READ, BASH], "messages": turns})
    assert names(body) == ["Bash", "Late"]
    assert ("aside", "brief\n\nTools added: Late\nTools removed: Read") in lines(body)


@pytest.mark.parametrize("preset", TRANSLATED)
def test_a_change_leaves_the_turns_before_it_as_they_were(preset):
    """Turn n+1 begins with turn n's items, and added tools follow those that were there."""
    before = {"tools": [READ], "messages": [ASK]}
    after = {"tools": [READ], "messages": [ASK, aside(defined(LATE)), SAID, ASK]}
    first, second = sent(preset, before), sent(preset, after)
    assert lines(second)[: len(lines(first))] == lines(first)
    assert names(second)[:1] == names(first)
    again = sent(preset, {**after, "messages": [*after["messages"], SAID, aside(removed("Read")), ASK]})
    assert lines(again)[: len(lines(second))] == lines(second)
    assert dumps(sent(preset, after)) == dumps(second)


def test_a_long_name_that_came_late_comes_back():
    """The map of names knows what the conversation defined, so that a call finds its tool."""
    long = "mcp__" + "x" * 80
    known = NameMap.of(request({"messages": [ASK, aside(defined(tool(long)))]}))
    assert known.sent(long) != long
    assert known.original(known.sent(long)) == long
