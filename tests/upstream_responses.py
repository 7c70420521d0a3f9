"""What the scripted upstream says where OpenAI's Responses are spoken."""

import json

from tests.upstream_answers import ERRORS, INPUT_TOKENS, OUTPUT_TOKENS, TEXT, TOOL_INPUT, dumps


class Responses:
    """Answers of the Responses API. Frames: a start, content frames (the first opens its item too), the end."""

    counted = {"object": "response.input_tokens", "input_tokens": INPUT_TOKENS}

    def __init__(self, request):
        self.model = request.get("model", "m")
        self.tool = (request.get("tools") or [{}])[0].get("name", "get_weather")
        choice = request.get("tool_choice")
        self.wants_tool = choice == "required" or isinstance(choice, dict)
        self.number = 0
        self.output = []

    def response(self, status, output):
        usage = {
            "input_tokens": INPUT_TOKENS, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": OUTPUT_TOKENS, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        }  # fmt: skip
        return {
            "id": "resp_1", "object": "response", "created_at": 1, "status": status, "error": None,
            "incomplete_details": None, "model": self.model, "output": output, "parallel_tool_calls": True,
            "tool_choice": "auto", "tools": [], "usage": usage if status == "completed" else None,
        }  # fmt: skip

    def message(self, text, status="completed"):
        content = [self.part(text)] if text else []
        return {"id": "msg_1", "type": "message", "status": status, "role": "assistant", "content": content}

    def part(self, text):
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    def call(self, arguments, status="completed"):
        return {
            "id": "fc_1", "type": "function_call", "status": status, "call_id": "call_1", "name": self.tool,
            "arguments": arguments,
        }  # fmt: skip

    def body(self, text=TEXT, tool=False):
        item = self.call(json.dumps(TOOL_INPUT)) if tool else self.message(text)
        return self.response("completed", [item] if tool or text else [])

    def frame(self, kind, **members):
        type_ = f"response.{kind}"
        number, self.number = self.number, self.number + 1
        return b"event: %s\ndata: %s\n\n" % (
            type_.encode(),
            dumps({"type": type_, "sequence_number": number, **members}),
        )

    def start(self):
        begun = self.response("in_progress", [])
        return [self.frame("created", response=begun), self.frame("in_progress", response=begun)]

    def ping(self):
        return b": keepalive\n\n"

    def content(self, pieces=("Hel", "lo")):
        place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        opening = self.frame("output_item.added", output_index=0, item=self.message("", "in_progress"))
        yield opening + self.frame("content_part.added", **place, part=self.part(""))
        for piece in pieces:
            yield self.frame("output_text.delta", **place, delta=piece, logprobs=[])
        text = "".join(pieces)
        self.output = [self.message(text)]
        yield (
            self.frame("output_text.done", **place, text=text, logprobs=[])
            + self.frame("content_part.done", **place, part=self.part(text))
            + self.frame("output_item.done", output_index=0, item=self.output[0])
        )

    def tool_content(self):
        place = {"item_id": "fc_1", "output_index": 0}
        text = json.dumps(TOOL_INPUT)
        yield self.frame("output_item.added", output_index=0, item=self.call("", "in_progress"))
        for piece in (text[:5], text[5:]):
            yield self.frame("function_call_arguments.delta", **place, delta=piece)
        self.output = [self.call(text)]
        yield (
            self.frame("function_call_arguments.done", **place, name=self.tool, arguments=text)
            + self.frame("output_item.done", output_index=0, item=self.output[0])
        )

    def end(self, tool=False):
        return [self.frame("completed", response=self.response("completed", self.output))]

    def error(self, status, message, type_=""):
        return {"error": {"message": message, "type": type_ or ERRORS.get(status, "server_error"), "code": None}}

    def error_frame(self):
        failed = {**self.response("failed", []), "error": {"code": "server_is_overloaded", "message": "Overloaded"}}
        return self.frame("failed", response=failed)

    def too_long(self):
        message = "Your input exceeds the context window of this model. Please adjust your input and try again."
        body = self.error(400, message, "invalid_request_error")
        body["error"]["code"] = "context_length_exceeded"
        return 400, body
