"""Gemini's answers for tests: a target, chunks, and the message a client puts together from a stream."""

import json

from providers.outbound.gemini.stream import GeminiTranslator
from providers.presets import Preset
from providers.targets import Target
from providers.wire.grammar import Grammar
from providers.wire.signatures import untag
from providers.wire.sse import SseDecoder
from tests.cast import request

TARGET = Target("google", Preset("g", "G", "gemini", "", "none"), "http://127.0.0.1:9", "gemini-3-pro-preview")
THINKS = {"thinking": {"type": "adaptive", "display": "summarized"}}


def asking(body=None):
    """A request of a client that wants to see the thinking."""
    return request({**THINKS, **(body or {})})


def candidate(*parts, finish=None, **fields):
    """One chunk."""
    stop = {"finishReason": finish} if finish else {}
    return {"responseId": "r", "candidates": [{"content": {"role": "model", "parts": [*parts]}, **stop, **fields}]}


def call(name="Read", args=None, signature=None, **fields):
    """A part with a function call."""
    part = {"functionCall": {"name": name, "args": {"path": "a"} if args is None else args, **fields}}
    return {**part, "thoughtSignature": signature} if signature else part


def frames(*chunks):
    """Chunks as they stand in a stream."""
    return [b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in chunks]


def fed(translator, pieces, into):
    """Everything that comes out of a stream's bytes, checked by the grammar."""
    decoder, grammar = SseDecoder(), Grammar()

    def passed(found):
        for event in found:
            grammar.feed(event)
            into.append(event.json)

    for piece in pieces:
        for event in decoder.feed(piece):
            passed(translator.feed(event))
    for event in decoder.finish():
        passed(translator.feed(event))
    passed(translator.finish())
    grammar.finish()


def told(pieces, messages=None):
    """Stop reason and content of a stream: each block as a short tuple."""
    events = []
    fed(GeminiTranslator(messages or asking(), TARGET), pieces, events)
    return message(events)


def message(events):
    """Stop reason and content that events tell of."""
    blocks, stop = [], None
    for event in map(json.loads, events):
        if event["type"] == "content_block_start":
            blocks.append((event["content_block"], []))
        elif event["type"] == "content_block_delta":
            blocks[-1][1].append(event["delta"])
        elif event["type"] == "message_delta":
            stop = event["delta"]["stop_reason"]
    return stop, [short(block, deltas) for block, deltas in blocks]


def short(block, deltas=()):
    """A block as a tuple: its id and name or its type, what it says, and a restored signature."""
    words = "".join(next((d[key] for key in ("text", "thinking", "partial_json") if key in d), "") for d in deltas)
    signature = "".join(d.get("signature", "") for d in deltas) or block.get("signature", "")
    if block["type"] == "tool_use":
        return block["id"], block["name"], words or json.dumps(block["input"], separators=(",", ":"))
    if block["type"] == "thinking":
        said = words or block["thinking"]
        return ("thinking", said, untag(signature, TARGET.origin)["thoughtSignature"] if signature else "")
    return (block["type"], words or block["text"]) if block["type"] == "text" else (block["type"], block)
