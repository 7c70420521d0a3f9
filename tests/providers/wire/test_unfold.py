"""Whole replies told as streams: what is folded again is the same."""

import json

import pytest

from providers.wire.fold import fold
from providers.wire.grammar import Grammar
from providers.wire.messages import MessagesReply, Usage
from providers.wire.spans import MalformedJson, dumps
from providers.wire.unfold import unfold

BLOCKS = [
    {"type": "thinking", "thinking": "hm", "signature": "sig"},
    {"type": "redacted_thinking", "data": "x"},
    {"type": "text", "text": "Hello", "citations": [{"type": "page_location", "cited_text": "H"}]},
    {"type": "text", "text": "plain"},
    {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"path": "a", "n": [1]}},
    {"type": "tool_use", "id": "toolu_2", "name": "Now", "input": {}},
]


def reply(content, reason="end_turn"):
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": reason,
        "stop_sequence": None, "usage": Usage(5, 9, 1, 2).as_payload(),
    }  # fmt: skip
    return MessagesReply(dumps(message), Usage(5, 9, 1, 2), reason, bool(content))


@pytest.mark.parametrize("blocks", [BLOCKS, [], *([block] for block in BLOCKS)])
def test_a_reply_comes_back_as_it_was(blocks):
    """The stream is legal, and folded it is the reply: content, usage and stop reason."""
    told = reply(blocks, "tool_use" if blocks and blocks[-1]["type"] == "tool_use" else "end_turn")
    events = unfold(told)
    grammar = Grammar()
    for event in events:
        grammar.feed(event)
    grammar.finish()
    assert json.loads(fold(events).body) == json.loads(told.body)


@pytest.mark.parametrize("body", [b"[]", b'{"content":5}', b'{"content":[5]}', b"{"])
def test_what_is_no_reply_is_refused(body):
    """Without a list of blocks there is nothing to tell."""
    with pytest.raises(MalformedJson):
        unfold(MessagesReply(body, Usage(), None, False))
