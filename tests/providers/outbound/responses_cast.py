<<<<<<< HEAD
"""What the tests of Responses requests share: two kinds of target, and bodies checked against OpenAI's types."""

from dataclasses import replace
from functools import cache

from openai.types.responses.input_token_count_params import InputTokenCountParams
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import ConfigDict, TypeAdapter

from providers.outbound.openai_responses.request import build_body, count_body
from providers.presets import PRESETS, Quirks
from tests.cast import request, target

PLATFORM = replace(PRESETS["openai"], wire_format="openai_responses", quirks=Quirks(pdf=True))
CODEX = replace(PLATFORM, addressing="codex", quirks=Quirks(pdf=True, phase=True))

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}
PDF = {"type": "document", "title": "r", "source": {"type": "base64", "media_type": "application/pdf", "data": "JV"}}
FILE = {"type": "input_file", "filename": "r.pdf", "file_data": "data:application/pdf;base64,JV"}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def upstream(preset=PLATFORM, **fields):
    return replace(target(provider="oai", model="gpt-5.2"), preset=preset, **fields)


def with_quirks(**quirks):
    return replace(PLATFORM, quirks=replace(PLATFORM.quirks, **quirks))


@cache
def _adapter(kind):
    return TypeAdapter(list[kind], config=ConfigDict(extra="forbid"))


def check(body, kind=None):
    """Raises ValidationError when the body is none that OpenAI's types allow; unknown keys anywhere are none."""
    streaming = ResponseCreateParamsStreaming if body.get("stream") else ResponseCreateParamsNonStreaming
    answered = {**body, "input": [_as_answered(item) for item in body["input"]]}
    _walk(_adapter(kind or streaming).validate_python([answered]))


def _walk(value):
    """Iterables are only checked as they are read."""
    if isinstance(value, dict):
        value = value.values()
    if not isinstance(value, str | int | float | None):
        for inner in value:
            _walk(inner)


def _as_answered(item):
    """Types know an assistant's message only as the API answers it; on the way back these three may be left out."""
    if item.get("role") != "assistant":
        return item
    parts = [{**part, "annotations": []} for part in item["content"]]
    return {**item, "content": parts, "id": "msg_1", "status": "completed"}


def build(body=None, preset=PLATFORM, headers=None, **fields):
    """The body and the notes, the body checked."""
    built, notes = build_body(request(body, headers=headers or {}), upstream(preset, **fields))
    check(built)
    return built, notes


def sent(body=None, preset=PLATFORM, **fields):
    return build(body, preset, **fields)[0]


def counted(body=None, preset=PLATFORM):
    built = count_body(request(body), upstream(preset))
    check(built, InputTokenCountParams)
    return built


def items(*messages, preset=PLATFORM):
    return sent({"messages": list(messages)}, preset)["input"]


def notes(*messages, preset=PLATFORM):
    return build({"messages": list(messages)}, preset)[1]


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def text(words):
    return {"type": "text", "text": words}


def call(id_, name="Read", **arguments):
    return {"type": "tool_use", "id": id_, "name": name, "input": arguments}


def result(id_, content="ok", **fields):
    return {"type": "tool_result", "tool_use_id": id_, "content": content, **fields}


def said(*parts, role="user"):
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": part} if isinstance(part, str) else part for part in parts]
    return {"type": "message", "role": role, "content": content}


def called(id_, name="Read", arguments="{}"):
    return {"type": "function_call", "call_id": id_, "name": name, "arguments": arguments}


def output(id_, content="ok", failed=False):
    item = {"type": "function_call_output", "call_id": id_, "output": content}
    return {**item, "status": "incomplete"} if failed else item
=======
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
>>>>>>> 52ab888 (Responses, the answer side: streams, whole answers, usage and errors become Messages)
