"""What the scripted upstream says where Gemini's GenerateContent is spoken."""

from tests.upstream_answers import INPUT_TOKENS, OUTPUT_TOKENS, TEXT, TOOL_INPUT, dumps

STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip


class Gemini:
    """Answers of GenerateContent. Every frame is a chunk; there is no start, the end is the chunk with the reason."""

    counted = {"totalTokens": INPUT_TOKENS}

    def __init__(self, request):
        tools = request.get("tools") or [{}]
        functions = tools[0].get("functionDeclarations") or [{}]
        self.tool = functions[0].get("name", "get_weather")
        config = (request.get("toolConfig") or {}).get("functionCallingConfig") or {}
        self.wants_tool = config.get("mode") == "ANY"
        self.usage = {
            "promptTokenCount": INPUT_TOKENS, "candidatesTokenCount": OUTPUT_TOKENS,
            "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
        }  # fmt: skip

    def chunk(self, *parts, finish=None, **members):
        candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        return {"responseId": "r1", "modelVersion": "m", "candidates": [candidate], **members}

    def call(self):
        return {"functionCall": {"name": self.tool, "args": TOOL_INPUT}}

    def body(self, text=TEXT, tool=False):
        parts = [self.call()] if tool else [{"text": text}] if text else []
        return self.chunk(*parts, finish="STOP", usageMetadata=self.usage)

    def frame(self, *parts, **members):
        return b"data: %s\r\n\r\n" % dumps(self.chunk(*parts, **members))

    def start(self):
        return []

    def ping(self):
        return b": keepalive\n\n"

    def content(self, pieces=("Hel", "lo")):
        for piece in pieces:
            yield self.frame({"text": piece})

    def tool_content(self):
        yield self.frame(self.call())

    def end(self, tool=False):
        return [self.frame(finish="STOP", usageMetadata=self.usage)]

    def error(self, status, message, type_=""):
        return {"error": {"code": status, "message": message, "status": type_ or STATUSES.get(status, "UNKNOWN")}}

    def error_frame(self):
        return b"data: %s\r\n\r\n" % dumps(self.error(503, "The model is overloaded."))

    def too_long(self):
        message = "The input token count (250000) exceeds the maximum number of tokens allowed (200000)."
        return 400, self.error(400, message)
