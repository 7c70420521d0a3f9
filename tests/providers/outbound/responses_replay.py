"""The cast of the Responses tests: a target, the recordings, and the way of a stream to a client's message."""

import json
from dataclasses import replace
from pathlib import Path

from providers.errors import UpstreamFailure
from providers.outbound.openai_responses.stream import ResponsesTranslator
from providers.presets import PRESETS
from providers.wire import signatures
from providers.wire.grammar import Grammar
from providers.wire.sse import SseDecoder
from tests.cast import request, target

RECORDINGS = Path(__file__).parents[2] / "recordings" / "openai_responses"
PRESET = replace(PRESETS["openai-compatible"], wire_format="openai_responses")
TARGET = replace(target(model="gpt-5.2", preset="openai-compatible"), preset=PRESET)
SHOWN = {"thinking": {"type": "adaptive"}}
OMITTED = {"thinking": {"type": "adaptive", "display": "omitted"}}


def recording(name):
    return (RECORDINGS / f"{name}.sse").read_bytes()


def sse(*payloads):
    return [b"data: %s\n\n" % json.dumps(payload).encode() for payload in payloads]


def item(kind="message", index=0, **fields):
    return {"output_index": index, "item": {"type": kind, **fields}}


def added(*args, **fields):
    return {"type": "response.output_item.added", **item(*args, **fields)}


def done(*args, **fields):
    return {"type": "response.output_item.done", **item(*args, **fields)}


def completed(status="completed", **fields):
    return {"type": "response.completed", "response": {"id": "r", "status": status, "output": [], **fields}}


def call(index=0, **fields):
    return {"index": index, "name": "T", "call_id": f"c{index}", "arguments": "{}", **fields}


def replay(*chunks, body=None):
    """Every event of a stream through decoder, translator and grammar, and the failure that ended it, if any."""
    decoder, grammar = SseDecoder(), Grammar()
    translator = ResponsesTranslator(request(SHOWN if body is None else body), TARGET)
    events = []

    def passed(found):
        for event in found:
            grammar.feed(event)
            events.append(event)

    try:
        for chunk in chunks:
            for event in decoder.feed(chunk):
                passed(translator.feed(event))
        for event in decoder.finish():
            passed(translator.feed(event))
        passed(translator.finish())
    except UpstreamFailure as error:
        assert not translator.ended
        return [event.json for event in events], error.failure
    assert translator.ended
    grammar.finish()
    return [event.json for event in events], None


def told(block):
    """A block in short: a call by id, name and input, thinking by its text and what its signature carries."""
    if block["type"] == "tool_use":
        return block["id"], block["name"], block["input"]
    if block["type"] == "thinking":
        blob = signatures.untag(block["signature"], TARGET.origin)
        return "thinking", block["thinking"], blob and (blob["id"], blob["encrypted_content"])
    if block["type"] == "web_search_tool_result":
        return "found", [(hit["url"], hit["title"]) for hit in block["content"]]
    return ("text", block["text"]) if block["type"] == "text" else ("searched", block["input"]["query"])


def message(events):
    """The stop reason, the content in short and the usage that a client puts together from the events."""
    blocks, stop, usage = [], None, {}
    for text in events:
        event = json.loads(text)
        if event["type"] == "content_block_start":
            blocks.append(dict(event["content_block"]))
            if blocks[-1]["type"] == "tool_use":
                blocks[-1]["input"] = ""
        elif event["type"] == "content_block_delta":
            for key, value in event["delta"].items():
                if key != "type":
                    name = "input" if key == "partial_json" else key
                    blocks[-1][name] = blocks[-1].get(name, "") + value
        elif event["type"] == "message_delta":
            stop, usage = event["delta"]["stop_reason"], event["usage"]
    return stop, [told(block) for block in blocks], usage
