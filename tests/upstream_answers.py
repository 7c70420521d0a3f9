"""What the scripted upstream says: answers of Messages and of Chat, as JSON and as SSE frames."""

import json

TEXT = "Hello"
INPUT_TOKENS, OUTPUT_TOKENS = 12, 5
TOOL_INPUT = {"city": "Paris"}
ERRORS = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error", 504: "timeout_error",
    529: "overloaded_error",
}  # fmt: skip


def dumps(value):
    return json.dumps(value, separators=(",", ":")).encode()


class Anthropic:
    """Answers of the Messages API. Frames: a start, content frames, the end."""

    counted = {"input_tokens": INPUT_TOKENS}

    def __init__(self, request):
        self.model = request.get("model", "m")
        self.tool = (request.get("tools") or [{}])[0].get("name", "get_weather")
        self.wants_tool = (request.get("tool_choice") or {}).get("type") in ("any", "tool")

    def message(self, content, stop_reason):
        return {
            "id": "msg_1", "type": "message", "role": "assistant", "model": self.model, "content": content,
            "stop_reason": stop_reason, "stop_sequence": None,
            "usage": {"input_tokens": INPUT_TOKENS, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                      "output_tokens": OUTPUT_TOKENS},
        }  # fmt: skip

    def body(self, text=TEXT, tool=False):
        if tool:
            block = {"type": "tool_use", "id": "toolu_1", "name": self.tool, "input": TOOL_INPUT}
            return self.message([block], "tool_use")
        return self.message([{"type": "text", "text": text}] if text else [], "end_turn")

    def frame(self, type_, **members):
        return b"event: %s\ndata: %s\n\n" % (type_.encode(), dumps({"type": type_, **members}))

    def start(self):
        message = self.message([], None)
        message["usage"]["output_tokens"] = 1
        return [self.frame("message_start", message=message), self.ping()]

    def ping(self):
        return self.frame("ping")

    def content(self, pieces=("Hel", "lo")):
        block = {"type": "text", "text": ""}
        yield self.frame("content_block_start", index=0, content_block=block)
        for piece in pieces:
            yield self.frame("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
        yield self.frame("content_block_stop", index=0)

    def thoughts(self):
        """What opens thinking, five pieces of it, and what closes it."""
        block = {"type": "thinking", "thinking": "", "signature": ""}
        yield [self.frame("content_block_start", index=0, content_block=block)]
        for _ in range(5):
            yield self.frame("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "hm "})
        yield [self.frame("content_block_stop", index=0)]

    def tool_content(self):
        block = {"type": "tool_use", "id": "toolu_1", "name": self.tool, "input": {}}
        yield self.frame("content_block_start", index=0, content_block=block)
        text = dumps(TOOL_INPUT).decode()
        for piece in (text[:5], text[5:]):
            yield self.frame("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": piece})
        yield self.frame("content_block_stop", index=0)

    def end(self, tool=False):
        delta = {"stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None}
        usage = {"output_tokens": OUTPUT_TOKENS}
        return [self.frame("message_delta", delta=delta, usage=usage), self.frame("message_stop")]

    def error(self, status, message, type_=""):
        type_ = type_ or ERRORS.get(status, "api_error")
        return {"type": "error", "error": {"type": type_, "message": message}, "request_id": "req_upstream"}

    def error_frame(self):
        return self.frame("error", error={"type": "overloaded_error", "message": "Overloaded"})

    def too_long(self):
        return 400, self.error(400, "prompt is too long: 250000 tokens > 200000 maximum")


class OpenAI:
    """Answers of the Chat Completions API. Frames: a start, content frames, the end."""

    counted = {"input_tokens": INPUT_TOKENS}

    def __init__(self, request):
        self.model = request.get("model", "m")
        self.tool = (request.get("tools") or [{}])[0].get("function", {}).get("name", "get_weather")
        choice = request.get("tool_choice")
        self.wants_tool = choice == "required" or isinstance(choice, dict)
        self.usage_wanted = (request.get("stream_options") or {}).get("include_usage")
        self.usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS,
                      "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS}  # fmt: skip

    def call(self, **function):
        return {"index": 0, "id": "call_1", "type": "function", "function": function}

    def body(self, text=TEXT, tool=False):
        message = {"role": "assistant", "content": text or None}
        if tool:
            call = self.call(name=self.tool, arguments=json.dumps(TOOL_INPUT))
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if tool else "stop"}
        return {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": self.model,
            "choices": [choice], "usage": self.usage,
        }  # fmt: skip

    def frame(self, delta=None, finish=None, **members):
        choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": self.model,
                 "choices": choices}  # fmt: skip
        return b"data: %s\n\n" % dumps({**chunk, **members})

    def start(self):
        return [self.frame({"role": "assistant", "content": ""})]

    def thoughts(self):
        """What opens thinking (nothing here), five pieces of it, and what closes it."""
        yield []
        yield from [self.frame({"reasoning_content": "hm "})] * 5
        yield []

    def ping(self):
        return b": keepalive\n\n"

    def content(self, pieces=("Hel", "lo")):
        for piece in pieces:
            yield self.frame({"content": piece})

    def tool_content(self):
        yield self.frame({"tool_calls": [self.call(name=self.tool, arguments="")]})
        text = json.dumps(TOOL_INPUT)
        for piece in (text[:5], text[5:]):
            yield self.frame({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})

    def end(self, tool=False):
        frames = [self.frame({}, "tool_calls" if tool else "stop")]
        if self.usage_wanted:
            frames.append(self.frame(usage=self.usage))
        return [*frames, b"data: [DONE]\n\n"]

    def error(self, status, message, type_=""):
        return {"error": {"message": message, "type": type_ or ERRORS.get(status, "server_error"), "code": None}}

    def error_frame(self):
        return b"data: %s\n\n" % dumps(self.error(503, "Overloaded", "overloaded_error"))

    def too_long(self):
        message = "This model's maximum context length is 200000 tokens. However, your messages resulted in 250000."
        body = self.error(400, message, "invalid_request_error")
        body["error"]["code"] = "context_length_exceeded"
        return 400, body
