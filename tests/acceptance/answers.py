"""One answer in the words of any upstream, streamed or whole, and the message a client gets of it.

Parts of an answer: `("thinking", text, blob)`, `("text", text)` and `("call", id, name, arguments)`, where the
arguments are JSON text, cut off or not; `finish` is `end`, `length` or `filter`. `usage` holds the counts of
`COUNTS`.
"""

import json

from providers.outbound.formats import OUTBOUND
from providers.wire.fold import fold
from providers.wire.sse import SseDecoder
from tests.acceptance.transcript import upstream
from tests.cast import frame, request

COUNTS = {"prompt": 100, "output": 20, "read": 60, "write": 0, "thinking": 5}
THINKS = {"thinking": {"type": "adaptive", "display": "summarized"}}


def events(preset, frames, body=None, cut=None, **fields):
    """The Messages events of a streamed answer, the bytes cut into pieces of `cut`. Raises UpstreamFailure."""
    at, asked = upstream(preset, **fields), request({**THINKS, **(body or {}), "stream": True})
    translator, decoder = OUTBOUND[at.preset.wire_format].translator(asked, at), SseDecoder()
    stream = b"".join(frames)
    pieces = [stream[n : n + cut] for n in range(0, len(stream), cut)] if cut else [stream]
    found = [event for piece in pieces for sse in decoder.feed(piece) for event in translator.feed(sse)]
    found += [event for sse in decoder.finish() for event in translator.feed(sse)]
    return found + list(translator.finish())


def streamed(preset, frames, body=None, **fields):
    """The message that a client puts together, the same however the bytes are cut. Raises GrammarError."""
    whole = events(preset, frames, body, **fields)
    assert [e.json for e in events(preset, frames, body, cut=1, **fields)] == [e.json for e in whole]
    return json.loads(fold(whole).body)


def whole(preset, answer, body=None, **fields):
    """The message of an answer that is not streamed."""
    at, asked = upstream(preset, **fields), request({**THINKS, **(body or {})})
    return json.loads(OUTBOUND[at.preset.wire_format].reply(json.dumps(answer).encode(), asked, at).body)


def spoken(preset, *parts, finish="end", usage=COUNTS):
    """The frames of a streamed answer."""
    return _DIALECTS[preset][0](parts, finish, usage)


def written(preset, *parts, finish="end", usage=COUNTS):
    """The same answer as one object."""
    return _DIALECTS[preset][1](parts, finish, usage)


def both(preset, *parts, body=None, **fields):
    """The message as a stream and as a whole answer make it."""
    return [
        streamed(preset, spoken(preset, *parts, **fields), body), whole(preset, written(preset, *parts, **fields), body)
    ]  # fmt: skip


def _data(*payloads):
    return [b"data: %s\n\n" % json.dumps(payload).encode() for payload in payloads]


_CHAT_FINISH = {"end": "stop", "length": "length", "filter": "content_filter"}


def _chat_usage(usage):
    return {
        "prompt_tokens": usage["prompt"], "completion_tokens": usage["output"],
        "prompt_tokens_details": {"cached_tokens": usage["read"], "cache_write_tokens": usage["write"]},
        "completion_tokens_details": {"reasoning_tokens": usage["thinking"]},
    }  # fmt: skip


def _chat_call(part, index):
    return {"index": index, "id": part[1], "type": "function", "function": {"name": part[2], "arguments": part[3]}}


def _chat_stream(parts, finish, usage):
    def chunk(delta, finish=None, **members):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "c1", "object": "chat.completion.chunk", "choices": [choice], **members}

    chunks, calls = [chunk({"role": "assistant", "content": ""})], 0
    for part in parts:
        if part[0] == "call":
            chunks.append(chunk({"tool_calls": [_chat_call(part, calls)]}))
            calls += 1
        else:
            chunks.append(chunk({"reasoning_content" if part[0] == "thinking" else "content": part[1]}))
    chunks.append(chunk({}, _CHAT_FINISH[finish]))
    if usage:
        chunks.append({"id": "c1", "object": "chat.completion.chunk", "choices": [], "usage": _chat_usage(usage)})
    return [*_data(*chunks), b"data: [DONE]\n\n"]


def _chat_whole(parts, finish, usage):
    said = {kind: "".join(part[1] for part in parts if part[0] == kind) for kind in ("text", "thinking")}
    calls = [_chat_call(part, n) for n, part in enumerate(part for part in parts if part[0] == "call")]
    message = {"role": "assistant", "content": said["text"] or None, "reasoning_content": said["thinking"] or None}
    message |= {"tool_calls": calls} if calls else {}
    choice = {"index": 0, "message": message, "finish_reason": _CHAT_FINISH[finish]}
    counted = {"usage": _chat_usage(usage)} if usage else {}
    return {"id": "c1", "object": "chat.completion", "choices": [choice], **counted}


def _items(parts):
    for number, part in enumerate(parts):
        if part[0] == "thinking":
            summary = [{"type": "summary_text", "text": part[1]}] if part[1] else []
            yield {"type": "reasoning", "id": f"rs_{number}", "summary": summary, "encrypted_content": part[2]}
        elif part[0] == "call":
            yield {"type": "function_call", "id": f"fc_{number}", "call_id": part[1], "name": part[2],
                   "arguments": part[3]}  # fmt: skip
        else:
            content = [{"type": "output_text", "text": part[1], "annotations": []}]
            yield {"type": "message", "id": f"msg_{number}", "role": "assistant", "content": content}


def _responses_whole(parts, finish, usage):
    why = {"length": "max_output_tokens", "filter": "content_filter"}.get(finish)
    counted = usage and {
        "input_tokens": usage["prompt"], "output_tokens": usage["output"],
        "input_tokens_details": {"cached_tokens": usage["read"], "cache_write_tokens": usage["write"]},
        "output_tokens_details": {"reasoning_tokens": usage["thinking"]},
    }  # fmt: skip
    return {
        "id": "r1", "object": "response", "status": "incomplete" if why else "completed", "output": list(_items(parts)),
        "incomplete_details": {"reason": why} if why else None, "usage": counted, "error": None,
    }  # fmt: skip


def _responses_stream(parts, finish, usage):
    payloads = [{"type": "response.created", "response": {"id": "r1", "status": "in_progress", "output": []}}]
    for index, (item, part) in enumerate(zip(_items(parts), parts, strict=True)):
        empty = {"summary": [], "content": [], "arguments": "", "encrypted_content": "early"}
        start = {key: empty.get(key, value) for key, value in item.items()}
        place = {"output_index": index, "item_id": item["id"]}
        payloads.append({"type": "response.output_item.added", "output_index": index, "item": start})
        kind = {
            "thinking": "reasoning_summary_text", "text": "output_text", "call": "function_call_arguments",
        }[part[0]]  # fmt: skip
        said = part[3] if part[0] == "call" else part[1]
        halves = filter(None, (said[: len(said) // 2], said[len(said) // 2 :]))
        payloads += [{"type": f"response.{kind}.delta", **place, "delta": half} for half in halves]
        payloads.append({"type": "response.output_item.done", "output_index": index, "item": item})
    last = _responses_whole(parts, finish, usage)
    return _data(*payloads, {"type": f"response.{last['status']}", "response": last})


def _gemini_parts(parts):
    blob = ""
    for part in parts:
        if part[0] == "thinking":
            # The signature of what was thought comes with the part that follows it.
            blob = part[2]
            if part[1]:
                yield {"text": part[1], "thought": True}
            continue
        made = {"text": part[1]} if part[0] == "text" else {
            "functionCall": {"id": part[1], "name": part[2], "args": json.loads(part[3] or "{}")}}  # fmt: skip
        yield {**made, "thoughtSignature": blob} if blob else made
        blob = ""


def _gemini_whole(parts, finish, usage):
    word = {"end": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"}[finish]
    counted = usage and {
        "promptTokenCount": usage["prompt"], "candidatesTokenCount": usage["output"] - usage["thinking"],
        "thoughtsTokenCount": usage["thinking"], "cachedContentTokenCount": usage["read"],
    }  # fmt: skip
    content = {"role": "model", "parts": list(_gemini_parts(parts))}
    answer = {"responseId": "r1", "candidates": [{"index": 0, "content": content, "finishReason": word}]}
    return {**answer, **({"usageMetadata": counted} if usage else {})}


def _gemini_stream(parts, finish, usage):
    last = _gemini_whole((), finish, usage)
    chunks = [
        {"responseId": "r1", "candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}]}
        for part in _gemini_parts(parts)
    ]
    return _data(*chunks, last)


def _messages_whole(parts, finish, usage):
    content = [
        {"type": "thinking", "thinking": p[1], "signature": p[2]} if p[0] == "thinking" else
        {"type": "text", "text": p[1]} if p[0] == "text" else
        {"type": "tool_use", "id": p[1], "name": p[2], "input": json.loads(p[3] or "{}")} for p in parts
    ]  # fmt: skip
    reasons = {"end": "tool_use" if parts and parts[-1][0] == "call" else "end_turn", "length": "max_tokens"}
    counted = {
        "input_tokens": usage["prompt"] - usage["read"] - usage["write"], "output_tokens": usage["output"],
        "cache_read_input_tokens": usage["read"], "cache_creation_input_tokens": usage["write"],
    }  # fmt: skip
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
        "stop_reason": reasons.get(finish, "refusal"), "stop_sequence": None, "usage": counted,
    }  # fmt: skip


def _messages_stream(parts, finish, usage):
    last = _messages_whole(parts, finish, usage)
    frames = [frame(type="message_start", message={**last, "content": [], "stop_reason": None})]
    for index, (block, part) in enumerate(zip(last["content"], parts, strict=True)):
        empty = {"text": "", "thinking": "", "signature": "", "input": {}}
        start = {key: empty.get(key, value) for key, value in block.items()} | {"type": block["type"]}
        deltas = {
            "text": [{"type": "text_delta", "text": part[1]}],
            "thinking": [{"type": "thinking_delta", "thinking": part[1]},
                         {"type": "signature_delta", "signature": part[2] if len(part) > 2 else ""}],
            "tool_use": [{"type": "input_json_delta", "partial_json": part[-1]}],
        }[block["type"]]  # fmt: skip
        frames.append(frame(type="content_block_start", index=index, content_block=start))
        frames += [frame(type="content_block_delta", index=index, delta=delta) for delta in deltas]
        frames.append(frame(type="content_block_stop", index=index))
    delta = {"stop_reason": last["stop_reason"], "stop_sequence": None}
    return [*frames, frame(type="message_delta", delta=delta, usage=last["usage"]), frame(type="message_stop")]


_DIALECTS = {
    "anthropic": (_messages_stream, _messages_whole), "openai-chat": (_chat_stream, _chat_whole),
    "openai": (_responses_stream, _responses_whole), "gemini": (_gemini_stream, _gemini_whole),
}  # fmt: skip
