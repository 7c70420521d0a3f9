"""Ids of tool calls as clients get them: one for each call of a conversation, whatever upstreams repeat."""

import pytest

from tests.acceptance.answers import both
from tests.acceptance.transcript import TRANSLATED, told

REPEATED = "functions.Read:0"
"""How a server of Kimi's models counts, from 0 again in every answer."""


def asked(call_id):
    """A conversation whose one call has this id."""
    call = {"type": "tool_use", "id": call_id, "name": "Read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": call_id, "content": "found"}
    user = [{"role": "user", "content": "go on"}]
    return [*user, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]


def ids(message):
    return [block["id"] for block in message["content"] if block["type"] == "tool_use"]


@pytest.mark.parametrize("preset", TRANSLATED)
@pytest.mark.parametrize("given", ["call_1", REPEATED])
def test_a_call_never_has_the_id_of_an_earlier_turns_call(preset, given):
    """A server that counts its calls from 0 in every answer does not make two calls one."""
    turns = asked(given)
    for message in both(preset, ("call", given, "Read", "{}"), body={"messages": turns}):
        (own,) = ids(message)
        assert own.startswith("toolu_0_")
        later = [*turns, {"role": "assistant", "content": message["content"]}]
        sent = [line[1] for line in told(preset, *later) if line[0] == "call"]
        assert len(set(sent)) == 2


@pytest.mark.parametrize("preset", TRANSLATED)
def test_parallel_calls_of_one_id_are_told_apart(preset):
    """A server that names calls after their function makes as many calls as it wrote; the first keeps the name."""
    calls = [("call", "Read", "Read", f'{{"n":{n}}}') for n in range(3)]
    for message in both(preset, *calls):
        assert [block["input"] for block in message["content"]] == [{"n": 0}, {"n": 1}, {"n": 2}]
        assert ids(message)[0] == "Read"
        assert len(set(ids(message))) == 3


@pytest.mark.parametrize("preset", TRANSLATED)
def test_an_id_of_its_own_is_kept(preset):
    """What a server calls its call is what the client gets, beside another call's id in the conversation."""
    for message in both(preset, ("call", "call_2", "Read", "{}"), body={"messages": asked("call_1")}):
        assert ids(message) == ["call_2"]
