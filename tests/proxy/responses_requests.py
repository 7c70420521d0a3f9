"""Responses requests for the tests of the inbound dialect, and what becomes of them."""

import json

import pytest

from proxy.errors import ApiError
from proxy.inbound.openai_responses import ResponsesInbound
from tests.official import check_messages

RESPONSES = ResponsesInbound(clock=lambda: 1_700_000_000.9)
USER = {"type": "message", "role": "user", "content": "hi"}
FUNCTION = {
    "type": "function", "name": "get_weather", "description": "w", "strict": False,
    "parameters": {"type": "object", "properties": {}},
}  # fmt: skip
TOOLS = [FUNCTION, {"type": "function", "name": "other"}]


def call(call_id="call_1", name="get_weather", arguments='{"city":"Paris"}', **fields):
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments, **fields}


def output(call_id="call_1", content="sun", kind="function_call_output", **fields):
    return {"type": kind, "call_id": call_id, "output": content, **fields}


def parse(body=None, **fields):
    if not isinstance(body, bytes):
        body = json.dumps({"model": "gpt-x", "input": "hi", **(body or {}), **fields}).encode()
    parsed = RESPONSES.parse(body, {}, "messages", False)
    check_messages(parsed.parsed)
    return parsed


def hub(*items, **fields):
    """The Messages body, cache marks checked elsewhere and taken out here."""
    whole = json.loads(parse(input=list(items) or "hi", **fields).body)
    for block in [*whole.get("system", ()), *(b for turn in whole["messages"] for b in turn["content"])]:
        block.pop("cache_control", None)
    return whole


def text(words):
    return {"type": "text", "text": words}


def use(call_id, name, **arguments):
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def result(call_id, *content, **fields):
    return {"type": "tool_result", "tool_use_id": call_id, "content": list(content), **fields}


def refusal(body=None, **fields):
    with pytest.raises(ApiError) as refused:
        parse(body, **fields)
    return refused.value
