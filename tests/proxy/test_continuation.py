"""A broken stream that goes on elsewhere: what may, how the rest is asked for, and what the client reads."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.wire.blocks import BlockWriter
from providers.wire.fold import fold
from providers.wire.grammar import Grammar
from providers.wire.messages import PING, MessagesEvent, Usage
from providers.wire.spans import MalformedJson
from providers.wire.tokens import estimate_text
from proxy.continuation import GO_ON, MIN_OVERLAP, Seam, Transcript, continued
from tests.cast import request, target

ASK = {"role": "user", "content": "hi"}


def written(*pieces, end=None):
    """The events of an answer: text as strings, thinking in one-tuples, calls as pairs; `end` is its stop reason."""
    writer = BlockWriter(lambda: "sig")
    events = writer.start("m", "x", Usage(5, 1))
    for piece in pieces:
        if isinstance(piece, str):
            events += writer.text(piece) if piece else writer.close()
        elif len(piece) == 1:
            events += writer.thinking(*piece)
        else:
            events += writer.tool(*piece) + writer.tool_input('{"a":1}')
    return events + (writer.finish(end, Usage(7, 9)) if end else [])


def transcript(events):
    sent = Transcript()
    for event in events:
        sent.note(event)
    return sent


def spliced(first, second):
    """What the client has in the end: the events of the first part, then the seam's; legal as a whole."""
    seam = Seam(transcript(first))
    events = [*first, *(made for event in second for made in seam.feed(event))]
    grammar = Grammar()
    for event in events:
        grammar.feed(event)
    grammar.finish()
    return json.loads(fold(events).body)


def told(message):
    return [block.get("text") or block.get("thinking") or block.get("name") for block in message["content"]]


@pytest.mark.parametrize(
    ("pieces", "may"),
    [
        (["Hel", "lo"], True),
        ([("hm",), "Hello"], True),
        (["Hello", ""], True),
        ([("hm",)], False),
        ([("hm",), "Hello", ("again",)], False),
        (["Hello", ("toolu_1", "T")], False),
        ([("toolu_1", "T"), "Hello"], False),
        ([" \n"], False),
        ([], False),
    ],
)
def test_only_text_can_be_gone_on_with(pieces, may):
    """Finished thinking and text, yes; a call, unfinished thinking or nothing at all, no."""
    assert transcript(written(*pieces)).may_go_on is may


def test_an_answer_whose_end_was_told_is_not_gone_on_with():
    """A stop reason has been sent: there is no place left for more."""
    assert transcript(written("Hello", end="end_turn")[:-1]).may_go_on is False


def test_other_blocks_cannot_be_gone_on_with():
    """What a server tool did cannot be told to another vendor in the middle of a turn."""
    events = written("Hello", "") + BlockWriter().whole({"type": "server_tool_use", "id": "s", "name": "web_search"})
    assert transcript(events).may_go_on is False


def test_the_rest_is_asked_for_in_words():
    """The text so far is the assistant's last turn, and a user turn says to go on; all else keeps its bytes."""
    asked = request({"messages": [ASK], "system": "Ü", "stream": True})
    body = json.loads(continued(asked, "Hello wor ", target()).body)
    assert body["messages"] == [ASK, {"role": "assistant", "content": "Hello wor"}, {"role": "user", "content": GO_ON}]
    assert (body["system"], body["stream"], body["max_tokens"]) == ("Ü", True, 10)


@pytest.mark.parametrize(("thinking", "words"), [({}, False), ({"thinking": {"type": "adaptive"}}, True)])
def test_a_target_that_goes_on_by_itself_is_not_told_to(thinking, words):
    """An unfinished turn at the end is enough for models that take one, unless they think."""
    to = target()
    to = replace(to, preset=replace(to.preset, quirks=replace(to.preset.quirks, prefill=True)))
    body = json.loads(continued(request({"messages": [ASK], **thinking}), "Hello", to).body)
    assert (len(body["messages"]) == 3) is words


def test_the_clients_own_words_are_not_sent_for_a_rest():
    """A request in another dialect is translated from the hub, which has the additional turns."""
    asked = replace(request(), source=object())
    assert continued(asked, "Hello", target()).source is None


@pytest.mark.parametrize(
    ("first", "second", "blocks"),
    [
        (["Hel"], ["lo"], ["Hello"]),
        (["Hello wor"], ["Hello wor", "ld"], ["Hello world"]),
        (["Hello wor"], ["Hello world"], ["Hello world"]),
        (["Well, this is it. "], ["this is it. And", " more"], ["Well, this is it. And more"]),
        (["Well, this is it. "], ["this", " is it", ". And more"], ["Well, this is it. And more"]),
        (["the end of"], ["offering"], ["the end ofoffering"]),
        (["Hello "], [" world"], ["Hello world"]),
        (["Hello", ""], ["world"], ["Hello", "world"]),
        (["Hello"], [("hm",), " world"], ["Hello world"]),
        ([("hm",), "Hel"], [("no",), "lo"], ["hm", "Hello"]),
        (["Hello"], [], ["Hello"]),
        (["Hello"], ["Hello"], ["Hello"]),
        (["Hello"], [("toolu_1", "T")], ["Hello", "T"]),
        (["Hello"], [" you", ("toolu_1", "T"), "bye"], ["Hello you", "T", "bye"]),
    ],
)
def test_the_client_reads_one_answer(first, second, blocks):
    """The open text goes on, repeats are cut, thinking of the rest is dropped, later blocks are numbered on."""
    calls = any(isinstance(piece, tuple) and len(piece) == 2 for piece in second)
    assert told(spliced(written(*first), written(*second, end="tool_use" if calls else "end_turn"))) == blocks


def test_the_tokens_of_both_parts_are_added():
    """The prompt was paid for twice; of the first part the output is counted here."""
    usage = spliced(written("one two three four"), written("five", end="end_turn"))["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (5 + 7, estimate_text("one two three four") + 9)


def test_pings_and_foreign_frames():
    """A ping passes, and no frame of an upstream's own goes along with it."""
    seam = Seam(transcript(written("Hello")))
    assert seam.feed(replace(PING, native=b"data: x\n\n")) == [PING]


@pytest.mark.parametrize("broken", [b"{}", b'{"content_block":7}', b"[]", b"oops"])
def test_a_broken_event_is_told_as_such(broken):
    """What is no event of a Messages stream is malformed, for the engine to judge."""
    for kind in ("message_start", "content_block_start", "content_block_delta"):
        with pytest.raises(MalformedJson):
            Seam(transcript(written("Hello"))).feed(MessagesEvent.from_json(kind, broken))


@settings(deadline=None)
@given(st.text("ab .", min_size=1, max_size=40).filter(str.strip), st.data())
def test_a_cut_anywhere_is_mended(text, data):
    """Whoever goes on from where the text broke, or begins anew, in whatever pieces: the client has the text once."""
    at = data.draw(st.integers(1, len(text)))
    sent = text[:at]
    if not sent.strip():
        return
    rest = data.draw(st.sampled_from([text, text[at:]]))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(rest)), max_size=4)))
    pieces = [rest[a:b] for a, b in zip([0, *cuts], [*cuts, len(rest)], strict=True) if a < b]
    message = spliced(written(sent), written(*pieces, end="end_turn"))
    whole = "".join(block["text"] for block in message["content"])
    if rest == text or not _looks_repeated(sent, rest):
        assert whole == text


def _looks_repeated(sent, rest):
    """Chance: the rest begins like the whole text, or like its end, or with the blanks it ends with."""
    blanks = sent[len(sent.rstrip()) :]
    overlaps = any(sent.endswith(rest[:n]) for n in range(MIN_OVERLAP, len(rest) + 1))
    return rest.startswith(sent) or overlaps or (bool(blanks) and rest.startswith(blanks))
