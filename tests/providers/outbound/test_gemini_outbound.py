"""The two halves of Gemini joined: verbs, notes, counting, stops."""

import json
from dataclasses import replace

import pytest

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.gemini import GEMINI
from providers.presets import PRESETS, Quirks
from tests.cast import request, target


def at(quirks=None):
    preset = replace(
        PRESETS["openai-compatible"], wire_format="gemini", auth="x-goog-api-key", quirks=quirks or Quirks()
    )
    return replace(target(base_url="https://api.example", model="gemini-3-pro"), preset=preset)


def test_the_verb_follows_what_the_client_wants():
    """A stream, a whole answer and a count are three addresses of the same model."""
    whole, stream = GEMINI.request(request(), at()), GEMINI.request(request({"stream": True}), at())
    count = GEMINI.count_request(request(), at(Quirks(counts_tokens=True)))
    where = "https://api.example/v1beta/models/gemini-3-pro:"
    assert [sent.url.removeprefix(where) for sent in (whole, stream, count)] == [
        "generateContent", "streamGenerateContent?alt=sse", "countTokens",
    ]  # fmt: skip
    assert GEMINI.count_request(request(), at()) is None
    assert GEMINI.counted(b'{"totalTokens": 7}') == 7


def test_what_was_changed_is_told():
    """Notes of the translation travel with the request."""
    thought = {"type": "thinking", "thinking": "hm", "signature": "not-ours"}
    said = {"role": "assistant", "content": [thought, {"type": "text", "text": "a"}]}
    ask = {"role": "user", "content": "hi"}
    asked = request({"messages": [ask, said, ask], "max_tokens": 4000})
    assert GEMINI.request(asked, at()).repaired == ("foreign thinking dropped",)


def test_a_body_nested_without_end_is_rejected_in_words():
    """What cannot be understood is a rejection that says why."""
    deep = request({"messages": []})
    body = deep.body.replace(b"[]", b"[" * 5000 + b"]" * 5000)
    with pytest.raises(UpstreamFailure) as caught:
        GEMINI.request(replace(deep, body=body), at())
    assert caught.value.failure.kind is FailureKind.REJECTED


@pytest.mark.parametrize(("stops", "text"), [(["a", "b", "c", "d", "e", "END"], "x "), (["END"], "x END y")])
def test_stops_beyond_those_gemini_takes_are_applied_here(stops, text):
    """Five are Google's own business; with more the answer is watched."""
    answer = {"candidates": [{"content": {"parts": [{"text": "x END y"}]}, "finishReason": "STOP"}]}
    reply = GEMINI.reply(json.dumps(answer).encode(), request({"stop_sequences": stops}), at())
    assert json.loads(reply.body)["content"] == [{"type": "text", "text": text}]
