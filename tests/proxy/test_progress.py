import pytest

from providers.wire.messages import MessagesEvent, Usage
from proxy.progress import Progress
from tests import cast


def events(text="Hello"):
    from providers.wire.sse import SseDecoder

    for sse in SseDecoder().feed(b"".join(cast.anthropic_stream(text=text))):
        yield MessagesEvent(sse.name, sse.data, sse.frame)


def test_the_commit_point_is_the_first_real_content():
    """message_start, an empty block and a ping promise nothing; the first delta does."""
    progress, seen = Progress(), []
    for event in events():
        progress.note(event)
        seen.append((event.type, progress.has_content))
    assert seen[:4] == [
        ("message_start", False), ("content_block_start", False), ("ping", False), ("content_block_delta", True),
    ]  # fmt: skip


def test_usage_of_the_end_overwrites_that_of_the_start():
    """Fields absent from message_delta keep the value of message_start."""
    progress = Progress()
    for event in events():
        progress.note(event)
    assert progress.usage == Usage(7, 5, 3, 0)
    assert progress.stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("block", "content"),
    [
        ({"type": "text", "text": ""}, False),
        ({"type": "thinking", "thinking": ""}, False),
        ({"type": "tool_use", "id": "t", "name": "n", "input": {}}, True),
        ({"type": "redacted_thinking", "data": "x"}, True),
        ({"type": "text", "text": "hi"}, True),
    ],
)
def test_a_block_that_says_something_is_content(block, content):
    """A tool call is content from its start; an empty text block is not."""
    progress = Progress()
    progress.note(MessagesEvent.of({"type": "content_block_start", "index": 0, "content_block": block}))
    assert progress.has_content is content


def test_thinking_alone_ends_with_the_next_block_or_the_answer():
    """Blocks of thinking, open or finished, are nothing else yet; a text's start is, and so is the answer's end."""
    progress = Progress()
    for kind in ("thinking", "redacted_thinking"):
        block = {"type": kind}
        progress.note(MessagesEvent.of({"type": "content_block_start", "index": 0, "content_block": block}))
        progress.note(MessagesEvent.of({"type": "content_block_stop", "index": 0}))
    assert progress.only_thinks and progress.has_content
    ended = Progress()
    ended.note(MessagesEvent.of({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}}))
    assert not ended.only_thinks
    text = {"type": "text", "text": ""}
    progress.note(MessagesEvent.of({"type": "content_block_start", "index": 1, "content_block": text}))
    assert not progress.only_thinks


@pytest.mark.parametrize(("reason", "legal"), [("max_tokens", True), ("refusal", True), ("end_turn", False)])
def test_some_answers_are_empty_for_a_reason(reason, legal):
    """A refusal may be empty; an end_turn without a word is suspicious."""
    progress = Progress()
    progress.note(MessagesEvent.of({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {}}))
    assert progress.may_be_empty is legal
