"""A fast upstream for the benchmark, in a process of its own: `upstream.py` prints its port and serves until killed.

A request says in its text how it is to be answered: `bench:DELTAS,EVERY_MS,FIRST_MS`. The path decides the dialect:
Messages, or Chat Completions.
"""

import asyncio
import json
import re

SCRIPT = re.compile(rb"bench:(\d+),(\d+),(\d+) ")
USAGE = {"input_tokens": 9, "output_tokens": 9}
MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "bench", "content": [], "stop_reason": None,
    "stop_sequence": None, "usage": USAGE,
}  # fmt: skip


def dumps(value):
    return json.dumps(value, separators=(",", ":")).encode()


def chunk(**event):
    frame = b"event: %s\ndata: %s\n\n" % (event["type"].encode(), dumps(event))
    return b"%x\r\n%s\r\n" % (len(frame), frame)


WHOLE = dumps({**MESSAGE, "content": [{"type": "text", "text": "word " * 100}], "stop_reason": "end_turn"})
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(WHOLE), WHOLE)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
START = chunk(type="message_start", message=MESSAGE) + chunk(
    type="content_block_start", index=0, content_block={"type": "text", "text": ""}
)
DELTA = chunk(type="content_block_delta", index=0, delta={"type": "text_delta", "text": "some words, nothing more"})
END = (
    chunk(type="content_block_stop", index=0)
    + chunk(type="message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=USAGE)
    + chunk(type="message_stop")
    + b"0\r\n\r\n"
)
MESSAGES = (START, DELTA, END)


def chat(delta, finish=None, **members):
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "bench", "choices": choices}
    frame = b"data: %s\n\n" % dumps({**event, **members})
    return b"%x\r\n%s\r\n" % (len(frame), frame)


CHAT = (
    chat({"role": "assistant", "content": ""}),
    chat({"content": "some words, nothing more"}),
    chat({}, "stop", usage={"prompt_tokens": 9, "completion_tokens": 9}) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
)


class Upstream(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.parts, self.length, self.missing = transport, [], 0, None

    def data_received(self, data):
        self.parts.append(data)
        self.length += len(data)
        if self.missing is None:
            head, found, _ = b"".join(self.parts).partition(b"\r\n\r\n")
            if not found:
                return
            announced = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            self.missing = len(head) + 4 + (int(announced[1]) if announced else 0)
        if self.length >= self.missing:
            request = b"".join(self.parts)
            self.parts, self.length, self.missing = [], 0, None
            self.answer(request)

    def answer(self, request):
        script = SCRIPT.search(request)
        if b'"stream":true' not in request or script is None:
            self.transport.write(WHOLE)
            return
        deltas, every_ms, first_ms = (int(number) for number in script.groups())
        dialect = CHAT if b"/chat/completions " in request[:200] else MESSAGES
        asyncio.get_running_loop().call_later(
            first_ms / 1000, self.stream, dialect, HEAD + dialect[0], deltas, every_ms / 1000
        )

    def stream(self, dialect, prefix, left, every_s):
        if self.transport.is_closing():
            return
        _, delta, end = dialect
        if not left:
            self.transport.write(prefix + end)
            return
        self.transport.write(prefix + delta)
        asyncio.get_running_loop().call_later(every_s, self.stream, dialect, b"", left - 1, every_s)


async def main():
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
