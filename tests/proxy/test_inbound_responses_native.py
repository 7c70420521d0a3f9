"""A stream that an upstream told itself and that broke: who goes on or ends it follows on its own events."""

import json
from pathlib import Path

import pytest

from providers.outbound.openai_responses import OPENAI_RESPONSES
from providers.wire.sse import SseDecoder
from proxy.continuation import Seam, Transcript
from proxy.errors import ApiError
from proxy.inbound.openai_responses.native import NativeAnswer
from tests.providers.outbound.responses_cast import upstream
from tests.proxy.responses_answers import written
from tests.proxy.responses_requests import RESPONSES, parse

RECORDINGS = Path(__file__).parents[1] / "recordings" / "openai_responses"
STEMS = ["text", "reasoning_then_text", "refusal", "crlf_comments_bom"]


def frames_of(stem):
    return [event for event in SseDecoder().feed((RECORDINGS / f"{stem}.sse").read_bytes()) if not event.is_comment]


def broken(stem, count):
    """A renderer that passed this many frames of a recording, what it gave, and what the engine knows of it."""
    request = parse(stream=True, reasoning={"summary": "auto"})
    translator, renderer, sent = (
        OPENAI_RESPONSES.translator(request, upstream()),
        RESPONSES.renderer(request),
        Transcript(),
    )
    data = b""
    for frame in frames_of(stem)[:count]:
        for event in translator.feed(frame):
            sent.note(event)
            data += renderer.render(event)
    return renderer, data, sent


def payloads(data):
    return [json.loads(frame.data) for frame in SseDecoder().feed(data)]


def texts(found):
    return "".join(event["delta"] for event in found if event["type"] == "response.output_text.delta")


@pytest.mark.parametrize("stem", STEMS)
def test_another_target_goes_on_at_every_place(stem):
    """Wherever it breaks: one response, numbers without a gap, no word for an item that is done, one whole end."""
    tried = 0
    for count in range(1, len(frames_of(stem))):
        renderer, data, sent = broken(stem, count)
        if not sent.may_go_on:
            continue
        tried += 1
        seam = Seam(sent)
        for event in written(("text", "<<the rest>>"), ("tool", "t", "f")):
            data += b"".join(map(renderer.render, seam.feed(event)))
        found = payloads(data)
        assert [event["sequence_number"] for event in found] == list(range(len(found)))
        open_items = {}
        for event in found:
            if event["type"] == "response.output_item.added":
                open_items[event["output_index"]] = event["item"]["id"]
            elif "item_id" in event:
                assert open_items[event["output_index"]] == event["item_id"]
            elif event["type"] == "response.output_item.done":
                open_items.pop(event["output_index"], None)
        assert not open_items
        last = found[-1]
        assert (last["type"], last["response"]["id"]) == ("response.completed", found[0]["response"]["id"])
        said = "".join(
            part.get("text", "") for item in last["response"]["output"] if item["type"] == "message"
            for part in item["content"]
        )  # fmt: skip
        if stem != "refusal":
            assert said == texts(found)
        assert said.endswith("<<the rest>>")
        assert last["response"]["output"][-1]["type"] == "function_call"
    assert tried


@pytest.mark.parametrize("stem", STEMS)
def test_a_failure_at_every_place(stem):
    """Wherever it breaks, `response.failed` has the next number, the response's id and the items that were done."""
    for count in range(1, len(frames_of(stem))):
        renderer, data, _ = broken(stem, count)
        found = payloads(data + renderer.render_error(ApiError(502, "api_error", "gone"), "req_1"))
        *before, failed = found
        assert failed["type"] == "response.failed"
        assert failed["sequence_number"] == before[-1]["sequence_number"] + 1
        assert failed["response"]["id"] == before[0]["response"]["id"]
        done = [event["item"] for event in before if event["type"] == "response.output_item.done"]
        assert failed["response"]["output"] == done


def test_what_is_kept_of_an_answer():
    """Ids, indexes and finished items are read of the few frames that tell them; odd frames are passed over."""
    answer = NativeAnswer()
    assert (answer.begun, answer.number, answer.next_index) == (False, 0, 0)
    for frame in (
        b"", b"data: response.output_item. oops\n\n", b'data: ["response.created"]\n\n',
        b'data: {"type":"response.output_item.added","output_index":2,"item":{"type":"message","id":"m"}}\n\n',
        b'data: {"type":"response.output_item.done","item":7,"sequence_number" : 8}\n\n',
    ):  # fmt: skip
        answer.note(frame)
    assert (answer.begun, answer.number, answer.next_index) == (True, 9, 3)
    assert (answer.id, answer.message_id, answer.items) == ("", "m", [])
