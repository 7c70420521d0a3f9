"""OpenRouter's reasoning details: pieces come, the whole goes back."""

import json

from providers.outbound.openai_chat import OPENAI_CHAT
from providers.outbound.openai_chat.details import Details
from providers.wire.sse import SseDecoder
from tests.cast import request, target

PIECES = [
    {"type": "reasoning.text", "text": "Let ", "index": 0, "format": "f"},
    {"type": "reasoning.text", "text": "me.", "index": 0, "signature": None},
    {"type": "reasoning.text", "index": 0, "signature": "sig"},
    {"type": "reasoning.encrypted", "data": "ab", "index": 1},
]
WHOLE = [
    {"type": "reasoning.text", "text": "Let me.", "index": 0, "format": "f", "signature": "sig"},
    {"type": "reasoning.encrypted", "data": "ab", "index": 1},
]


def test_pieces_become_whole_details():
    """What grows is joined, what is told once is kept; after they are taken nothing is left."""
    details = Details()
    for piece in PIECES:
        details.add([piece])
    assert details.taken() == WHOLE
    assert details.taken() is None
    assert PIECES[0]["text"] == "Let "


def stream(*deltas):
    chunks = [{"id": "c", "choices": [{"delta": delta}]} for delta in deltas]
    chunks[-1]["choices"][0]["finish_reason"] = "tool_calls"
    return b"".join(b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"


def turn(answer):
    """The assistant turn that a client makes of a streamed answer."""
    router, blocks = target(preset="openrouter"), []
    translator = OPENAI_CHAT.translator(request(), router)
    for sse in SseDecoder().feed(answer):
        for event in translator.feed(sse):
            payload = event.payload()
            if event.type == "content_block_start":
                blocks.append(payload["content_block"])
            elif event.type == "content_block_delta":
                delta = payload["delta"]
                key = {"thinking_delta": "thinking", "signature_delta": "signature"}.get(delta["type"])
                if key:
                    blocks[-1][key] += delta[key]
    return {"role": "assistant", "content": blocks}


def replayed(answer, preset="openrouter", model="glm-4.6"):
    messages = [{"role": "user", "content": "a"}, turn(answer), {"role": "user", "content": "b"}]
    to = target(preset=preset, model=model)
    sent = json.loads(OPENAI_CHAT.request(request({"messages": messages}), to).body)
    return [m.get("reasoning_details") for m in sent["messages"] if m["role"] == "assistant"]


CALL = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "T", "arguments": "{}"}}]}


def test_details_go_back_to_where_they_came_from():
    """The same model at the same provider gets them unchanged, nobody else gets any."""
    answer = stream({"reasoning": "Let me.", "reasoning_details": PIECES}, CALL)
    assert replayed(answer) == [WHOLE]
    assert replayed(answer, model="other") == [None]
    assert replayed(answer, preset="openai-compatible") == [None]


def test_encrypted_details_without_text_go_back_with_the_calls():
    """Reasoning that shows no text still has to accompany the calls it led to."""
    assert replayed(stream(CALL, {"reasoning_details": PIECES[3:]})) == [WHOLE[1:]]
