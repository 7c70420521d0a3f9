"""The fixed cast: targets, requests and recorded streams that many tests share."""

import json

from providers.errors import Failure, FailureKind
from providers.presets import PRESETS
from providers.targets import Secret, Target, Timeouts
from providers.wire.messages import MessagesRequest
from providers.wire.spans import scan_object

KEY = "sk-ant-canary-0123456789"


def target(provider="main", model="glm-4.6", preset="anthropic-compatible", base_url="http://127.0.0.1:9", **fields):
    fields.setdefault("secret", Secret(KEY))
    fields.setdefault("timeouts", Timeouts(2.0, 2.0, 2.0, 20.0))
    return Target(provider=provider, preset=PRESETS[preset], base_url=base_url, actual_model=model, **fields)


def failure(kind, message="no", status=0, **fields):
    return Failure(FailureKind(kind), message, status, **fields)


def request(body=None, **fields):
    body = {"model": "claude-x", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}], **(body or {})}
    text = json.dumps(body).encode()
    return MessagesRequest(text, scan_object(text), body["model"], body.get("stream") is True, **fields)


def frame(**payload):
    return f"event: {payload['type']}\ndata: {json.dumps(payload)}\n\n".encode()


def anthropic_stream(model="glm-4.6", text="Hello"):
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 7, "cache_creation_input_tokens": 0,
                                         "cache_read_input_tokens": 3, "output_tokens": 1},
    }  # fmt: skip
    yield frame(type="message_start", message=message)
    yield frame(type="content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield frame(type="ping")
    for piece in text:
        yield frame(type="content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield frame(type="content_block_stop", index=0)
    yield frame(type="message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None},
                usage={"output_tokens": 5})  # fmt: skip
    yield frame(type="message_stop")
