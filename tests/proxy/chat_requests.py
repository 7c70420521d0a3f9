"""Chat requests for the tests of the inbound dialect, and what becomes of them."""

import json

import pytest

from proxy.errors import ApiError
from proxy.inbound.openai_chat import CHAT
from tests.official import check_messages

USER = {"role": "user", "content": "hi"}
FUNCTION = {"name": "get_weather", "description": "w", "parameters": {"type": "object", "properties": {}}}
TOOLS = [{"type": "function", "function": FUNCTION}, {"type": "function", "function": {"name": "other"}}]


def call(call_id="call_1", name="get_weather", arguments='{"city":"Paris"}'):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def parse(body=None, **fields):
    if not isinstance(body, bytes):
        body = json.dumps({"model": "gpt-x", "messages": [USER], **(body or {}), **fields}).encode()
    parsed = CHAT.parse(body, {}, "messages", False)
    check_messages(parsed.parsed)
    return parsed


def hub(*messages, **fields):
    """The Messages body, cache marks checked elsewhere and taken out here."""
    whole = json.loads(parse(messages=list(messages) or [USER], **fields).body)
    for block in [*whole.get("system", ()), *(b for turn in whole["messages"] for b in turn["content"])]:
        block.pop("cache_control", None)
    return whole


def text(words):
    return {"type": "text", "text": words}


def refusal(body=None, **fields):
    with pytest.raises(ApiError) as refused:
        parse(body, **fields)
    return refused.value
