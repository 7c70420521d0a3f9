"""The two halves of Responses joined: addresses, headers, counting, stops."""

import json
from dataclasses import replace

import pytest

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.openai_responses import OPENAI_RESPONSES
from providers.presets import PRESETS, Quirks
from providers.wire.spans import scan_object
from tests.cast import KEY, request, target

PRESET = replace(PRESETS["openai-compatible"], wire_format="openai_responses")


def at(quirks=None, addressing=""):
    preset = replace(PRESET, addressing=addressing, quirks=quirks or Quirks())
    return replace(target(base_url="https://api.example/v1", model="gpt-x"), preset=preset)


def test_a_request_goes_to_responses_with_the_key():
    """Address, key and what is accepted back follow the target and whether it streams."""
    sent = OPENAI_RESPONSES.request(request({"stream": True}), at())
    assert (sent.method, sent.url) == ("POST", "https://api.example/v1/responses")
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["accept"] == "text/event-stream"
    assert OPENAI_RESPONSES.request(request(), at()).headers["accept"] == "application/json"
    assert OPENAI_RESPONSES.request(request(), at(addressing="codex")).headers["accept"] == "text/event-stream"


def test_what_was_changed_is_told():
    """Notes of the translation travel with the request."""
    asked = {"messages": [{"role": "user", "content": "a"}], "top_k": 5}
    assert OPENAI_RESPONSES.request(request(asked), at()).repaired == ("sampling settings dropped",)


def test_a_body_that_is_no_json_is_rejected_in_words():
    """What the native path forwards unread is refused where it has to be understood."""
    broken = request()
    broken = replace(broken, body=b'{"model": "m", "messages": [', members=scan_object(broken.body))
    with pytest.raises(UpstreamFailure) as caught:
        OPENAI_RESPONSES.request(broken, at())
    assert (caught.value.failure.kind, caught.value.failure.status) == (FailureKind.REJECTED, 400)


def test_tokens_are_counted_where_there_is_a_counter():
    """The counter gets the prompt alone; a vendor without one is not asked."""
    sent = OPENAI_RESPONSES.count_request(request(), at(Quirks(counts_tokens=True)))
    assert sent.url == "https://api.example/v1/responses/input_tokens"
    assert set(json.loads(sent.body)) == {"model", "input"}
    assert OPENAI_RESPONSES.counted(b'{"object":"response.input_tokens","input_tokens":12}') == 12
    assert OPENAI_RESPONSES.counted(b"<html>") is OPENAI_RESPONSES.counted(b'{"input_tokens":true}') is None
    assert OPENAI_RESPONSES.count_request(request(), at()) is None


def test_stop_sequences_are_applied_to_the_answer():
    """Responses has none of its own: whole and streamed answers are cut here."""
    asked = request({"stop_sequences": ["END"]})
    part = {"type": "output_text", "text": "a END b", "annotations": []}
    item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
    answer = {"id": "r", "object": "response", "status": "completed", "output": [item]}
    message = json.loads(OPENAI_RESPONSES.reply(json.dumps(answer).encode(), asked, at()).body)
    assert message["content"] == [{"type": "text", "text": "a "}]
    assert message["stop_sequence"] == "END"
    assert "stop" not in json.loads(OPENAI_RESPONSES.request(asked, at()).body)
