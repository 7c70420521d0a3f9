"""Stop sequences applied on the way to the client."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.outbound.openai_chat import OPENAI_CHAT
from providers.outbound.stops import StopAt, cut_reply, first_stop, stop_sequences
from providers.wire.blocks import BlockWriter
from providers.wire.grammar import Grammar
from providers.wire.messages import MessagesReply, Usage
from providers.wire.sse import ServerSentEvent
from tests.cast import request, target

ANY = ServerSentEvent("", b"", b"")


class Spoken:
    """A translator that says given things: text pieces, or thinking in a tuple; one call of feed each."""

    def __init__(self, *pieces):
        self._writer = BlockWriter()
        self._pieces = list(pieces)
        self.ended = False

    def feed(self, event):
        piece = self._pieces.pop(0)
        events = self._writer.start("m", "x", Usage(5))
        return events + (self._writer.text(piece) if isinstance(piece, str) else self._writer.thinking(piece[0]))

    def finish(self):
        self.ended = True
        return self._writer.finish("end_turn", Usage(5, 6))


def told(pieces, stops):
    """The text a client reads, the stop and the usage; the events are legal."""
    translator, grammar = StopAt(Spoken(*pieces), stops), Grammar()
    events = []
    for _ in pieces:
        events += translator.feed(ANY)
    assert translator.ended == any(event.type == "message_stop" for event in events)
    events += translator.finish()
    for event in events:
        grammar.feed(event)
    grammar.finish()
    assert translator.ended
    payloads = [event.payload() for event in events]
    text = "".join(p["delta"].get("text", "") for p in payloads if p["type"] == "content_block_delta")
    end = next(p for p in payloads if p["type"] == "message_delta")
    return text, end["delta"]["stop_sequence"], end["usage"]


@pytest.mark.parametrize(
    ("pieces", "text", "stop"),
    [
        (["Hello END more"], "Hello ", "END"),
        (["Hello E", "N", "D more", "and more"], "Hello ", "END"),
        (["Hello EN", "TER"], "Hello ENTER", None),
        (["a EN"], "a EN", None),
        (["END"], "", "END"),
        ([("END of thinking",), "text"], "text", None),
        (["EN", ("hm",), "D"], "END", None),
        (["x STOP END"], "x ", "STOP"),
    ],
)
def test_text_ends_where_a_stop_begins(pieces, text, stop):
    """Wherever the pieces are cut, a stop ends the text; thinking is not text and blocks do not add up to one."""
    assert told(pieces, ["END", "STOP"])[:2] == (text, stop)


def test_the_usage_after_a_stop_is_an_estimate():
    """The prompt's tokens are those told at the start, the output's are counted here."""
    assert told(["one two END"], ["END"])[2] == Usage(5, 2).as_payload()
    assert told(["one two"], ["END"])[2] == Usage(5, 6).as_payload()


@given(st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=6),
       st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=3))  # fmt: skip
def test_cuts_change_nothing(pieces, stops):
    """In pieces the text ends exactly where it ends as a whole."""
    whole = "".join(pieces)
    at, stop = first_stop(whole, stops)
    assert told(pieces, stops)[:2] == (whole[:at], stop)


def test_a_whole_reply_is_cut_as_well():
    """Blocks after the stop go, a text emptied by it goes, and without a stop the reply is the same object."""

    def reply(*content):
        return MessagesReply(json.dumps({"content": content, "stop_reason": "end_turn"}).encode(), Usage(), None, True)

    text, call = {"type": "text", "text": "a END b"}, {"type": "tool_use", "id": "t", "name": "T", "input": {}}
    cut = cut_reply(reply(call, text, call), ["END"])
    body = json.loads(cut.body)
    assert body["content"] == [call, {"type": "text", "text": "a "}]
    assert (body["stop_reason"], body["stop_sequence"], cut.stop_reason) == ("stop_sequence", "END", "stop_sequence")
    emptied = cut_reply(reply(text), ["a"])
    assert json.loads(emptied.body)["content"] == [] and emptied.has_content is False
    whole = reply(text)
    assert cut_reply(whole, ["x"]) is whole


def test_only_strings_that_show_can_stop():
    """What is no list of strings stops nothing, nor do blanks."""
    assert stop_sequences(request({"stop_sequences": ["a", " ", "", 5, None, "b"]})) == ["a", "b"]
    assert stop_sequences(request({"stop_sequences": "a"})) == stop_sequences(request()) == []


@pytest.mark.parametrize(("preset", "asked", "here"), [
    ("openai", ["END"], True), ("groq", ["END"], False), ("groq", ["1", "2", "3", "4", "END"], True),
    ("openai", [], False),
])  # fmt: skip
def test_they_are_applied_here_only_where_the_target_takes_fewer(preset, asked, here):
    """A vendor that takes them all is trusted to; else the answer is watched, streamed or whole."""
    messages, to = request({"stop_sequences": asked, "stream": True}), target(preset=preset)
    chunk = b'{"id":"c","choices":[{"delta":{"content":"a END b"},"finish_reason":"stop"}]}'
    translator = OPENAI_CHAT.translator(messages, to)
    events = [*translator.feed(ServerSentEvent("", chunk, chunk)), *translator.finish()]
    text = "".join(e.payload()["delta"]["text"] for e in events if e.type == "content_block_delta")
    assert text == ("a " if here else "a END b")
    whole = b'{"id":"c","choices":[{"message":{"content":"a END b"},"finish_reason":"stop"}]}'
    content = json.loads(OPENAI_CHAT.reply(whole, messages, to).body)["content"]
    assert content == [{"type": "text", "text": text}]
