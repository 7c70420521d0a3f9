"""Thinking of a Chat upstream, for clients that asked for none: some take the first block of an answer for its text."""

import json

import pytest

from providers.outbound.openai_chat import OPENAI_CHAT
from providers.wire.messages import Source
from providers.wire.spans import scan_object
from providers.wire.sse import SseDecoder
from tests.acceptance.answers import spoken, streamed, whole, written
from tests.acceptance.transcript import sent, upstream
from tests.cast import request

THOUGHT, TEXT, CALL = ("thinking", "hm", ""), ("text", "Hi"), ("call", "call_1", "Read", '{"a": 1}')
QUIET = [{"thinking": None}, {"thinking": {"type": "disabled"}}]

for_quiet_clients = pytest.mark.parametrize("body", QUIET)


def answers(preset, *parts, body=None):
    """The content that a stream and a whole answer make."""
    frames, one = spoken("openai-chat", *parts), written("openai-chat", *parts)
    return [message["content"] for message in (streamed(preset, frames, body), whole(preset, one, body))]


def kinds(content):
    return [block["type"] for block in content]


@for_quiet_clients
@pytest.mark.parametrize("preset", ["openai-chat", "deepseek", "openrouter"])
def test_an_answer_begins_with_its_text(preset, body):
    """A model that thinks unasked answers with text alone; asked to think, with both."""
    assert [kinds(content) for content in answers(preset, THOUGHT, TEXT, body=body)] == [["text"]] * 2
    assert [kinds(content) for content in answers(preset, THOUGHT, TEXT)] == [["thinking", "text"]] * 2


@for_quiet_clients
@pytest.mark.parametrize(
    ("preset", "made"), [("deepseek", ["thinking", "tool_use"]), ("openai-chat", ["tool_use"])]
)  # fmt: skip
def test_thinking_that_has_to_come_back_goes_with_the_call(preset, made, body):
    """DeepSeek refuses the result of a call without the thinking that led to it: there the client has to carry it."""
    for content in answers(preset, THOUGHT, CALL, body=body):
        assert kinds(content) == made
        result = {"type": "tool_result", "tool_use_id": "call_1", "content": "x"}
        turns = [{"role": "assistant", "content": content}, {"role": "user", "content": [result]}]
        turn = sent(preset, {"messages": [{"role": "user", "content": "go"}, *turns]})["messages"][1]
        assert turn.get("reasoning_content") == ("hm" if "thinking" in made else None)


def test_a_client_that_speaks_chat_gets_all_there_is():
    """What passes natively counts as content as it comes, thinking too: the client sees it live."""
    own = b'{"model":"claude-x","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    asked = request({"stream": True}, source=Source("openai_chat", own, scan_object(own)))
    at, one = upstream("openai-chat"), written("openai-chat", THOUGHT, TEXT)
    assert kinds(json.loads(OPENAI_CHAT.reply(json.dumps(one).encode(), asked, at).body)["content"])[0] == "thinking"
    translator = OPENAI_CHAT.translator(asked, at)
    frames = SseDecoder().feed(b"".join(spoken("openai-chat", THOUGHT, TEXT)))
    assert b"thinking_delta" in b"".join(event.json for sse in frames for event in translator.feed(sse))
