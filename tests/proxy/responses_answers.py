"""Messages streams as Responses clients receive them, checked event by event against the official SDK's types."""

import json

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from providers.wire.blocks import BlockWriter
from providers.wire.fold import fold
from providers.wire.messages import MessagesEvent, Usage
from providers.wire.sse import SseDecoder
from tests.proxy.responses_requests import RESPONSES, parse

USAGE = Usage(7, 5, cache_read=3, cache_write=2, thinking=4)
EVENT = TypeAdapter(ResponseStreamEvent)
TERMINAL = ("response.completed", "response.incomplete", "response.failed")


def written(*steps, stop="end_turn", usage=USAGE):
    """Events of a legal stream: each step is a method of BlockWriter and its arguments."""
    writer = BlockWriter()
    events = writer.start("msg_abc", "claude-x", Usage(7, 1))
    for name, *arguments in steps:
        events += getattr(writer, name)(*arguments)
    return [*events, *writer.finish(stop, usage)]


def cited(text, *citations):
    """A text block with citations, as an Anthropic upstream streams it."""
    deltas = [{"type": "citations_delta", "citation": {"url": url, "title": title}} for url, title in citations]
    return [
        {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "delta": delta} for delta in [*deltas, {"type": "text_delta", "text": text}]),
        {"type": "content_block_stop"},
    ]


def blocks(*raw, stop="end_turn"):
    """Events of a stream with these raw block events in the middle."""
    start, *_, delta, end = written(stop=stop)
    index, middle = -1, []
    for payload in raw:
        index += payload["type"] == "content_block_start"
        middle.append(MessagesEvent.of({**payload, "index": index}))
    return [start, *middle, delta, end]


def rendered(events, **fields):
    renderer = RESPONSES.renderer(parse(**{"stream": True, **fields}))
    return b"".join(renderer.render(event) for event in events)


def events_of(data):
    """Every event, parsed strictly by the SDK's types; numbered from 0, one terminal event at the end."""
    found = []
    for frame in SseDecoder().feed(data):
        EVENT.validate_json(frame.data)
        found.append(json.loads(frame.data))
        assert frame.name == found[-1]["type"]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert [event["type"] in TERMINAL for event in found] == [False] * (len(found) - 1) + [True]
    return found


def ladder(events, **fields):
    return events_of(rendered(events, **fields))


def final(events, **fields):
    return ladder(events, **fields)[-1]["response"]


def kinds(found):
    return [event["type"].removeprefix("response.") for event in found]


def whole(events, **fields):
    answer = RESPONSES.render_reply(fold(events), parse(**{"stream": True, **fields}))
    Response.model_validate_json(answer)
    return json.loads(answer)


def part(text, *annotations):
    return {"type": "output_text", "text": text, "annotations": list(annotations), "logprobs": []}


def message(text, index=0, status="completed", annotations=()):
    return {
        "id": f"msg_abc_{index}", "type": "message", "status": status, "role": "assistant",
        "content": [part(text, *annotations)],
    }  # fmt: skip


SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1",
         "content": [{"type": "web_search_result", "url": "https://x", "title": "X"}]}  # fmt: skip
