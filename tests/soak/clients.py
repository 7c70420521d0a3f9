"""Clients of a soak run: each asks again and again in one of three dialects, and some leave."""

import asyncio
import contextlib
import json
import random
import struct
import time
from socket import SO_LINGER, SOL_SOCKET

from providers.wire.grammar import Grammar, GrammarError
from providers.wire.messages import MessagesEvent
from providers.wire.sse import SseDecoder
from tests.soak.history import Operation
from tests.soak.provider import Wish

PATIENCE_S = 90.0
PHASES = ("before the head", "before the content", "in the stream", "in a silence")
PACES = ((1500, 0, 0, 0), (0, 1500, 0, 0), (0, 0, 60, 0), (0, 0, 0, 1500))
"""Lead, wait, gap and silence that give each phase its time."""
PATHS = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


class Left(Exception):
    """The client has gone away, as it meant to."""


class Plan:
    """What one request is to be, drawn from a seed."""

    def __init__(self, chance, nonce, models, leaving=0.15):
        self.nonce = nonce
        self.dialect = chance.choices(tuple(PATHS), (6, 3, 2))[0]
        self.model = chance.choice(models)
        self.phase = chance.choice(PHASES) if chance.random() < leaving else ""
        self.stream = bool(self.phase) or chance.random() < 0.75
        self.tool = not self.phase and chance.random() < 0.1
        self.session = f"session-{chance.randrange(8)}" if chance.random() < 0.4 else ""
        self.with_reset = chance.random() < 0.5
        pace = chance.randrange(200), chance.randrange(100), chance.randrange(40), 0
        pace = dict(zip(PHASES, PACES, strict=True)).get(self.phase, pace)
        self.wish = Wish(nonce, chance.randrange(20, 120), *pace, int(bool(self.phase)))

    @property
    def request(self):
        """The whole request as bytes."""
        body = json.dumps(self._body(), separators=(",", ":")).encode()
        session = f"x-claude-code-session-id: {self.session}\r\n" if self.session else ""
        head = (
            f"POST {PATHS[self.dialect]} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"x-claude-code-agent-id: {self.nonce}\r\n{session}content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        return head.encode() + body

    def _body(self):
        prompt = self.wish.prompt + "and some words more"
        common = {"model": self.model, "stream": self.stream}
        if self.dialect == "responses":
            tools = [{"type": "function", "name": "get_weather", "parameters": SCHEMA}]
            return {**common, "input": prompt, **({"tools": tools, "tool_choice": "required"} if self.tool else {})}
        turns = {**common, "max_tokens": 1000, "messages": [{"role": "user", "content": prompt}]}
        if not self.tool:
            return turns
        if self.dialect == "chat":
            function = {"name": "get_weather", "parameters": SCHEMA}
            return {**turns, "tools": [{"type": "function", "function": function}], "tool_choice": "required"}
        return {**turns, "tools": [{"name": "get_weather", "input_schema": SCHEMA}], "tool_choice": {"type": "any"}}


class Answer:
    """What has arrived of an answer."""

    def __init__(self, plan):
        self.plan = plan
        self.status = 0
        self.raw = b""
        self.text, self.end, self.complaint = "", "", ""
        self._decoder, self._grammar = SseDecoder(), Grammar()

    def feed(self, body):
        """Some bytes of a streamed body."""
        self.raw += body
        for sse in self._decoder.feed(body):
            if not sse.is_comment:
                self._event(sse)

    def whole(self, body):
        """The whole body of an answer that is not streamed."""
        self.raw += body
        told = json.loads(body)
        if self.status != 200:
            self.end = "error" if "error" in told else self.end
            self.complaint = "" if self.end else f"status {self.status} without an error"
            return
        self.end = "whole"
        if self.plan.dialect == "messages":
            parts = [json.dumps(b["input"]) if b["type"] == "tool_use" else b["text"] for b in told["content"]]
        elif self.plan.dialect == "chat":
            message = told["choices"][0]["message"]
            calls = message.get("tool_calls") or []
            parts = [message.get("content") or "", *(call["function"]["arguments"] for call in calls)]
        else:
            parts = [i["arguments"] if "arguments" in i else i["content"][0]["text"] for i in told["output"]]
        self._say("".join(parts))

    def _say(self, text):
        self.text += text.replace(" ", "") if self.plan.tool else text

    def _event(self, sse):
        if self.end:
            if self.plan.dialect != "chat":
                self.complaint = f"{sse.name or 'data'} after the end"
            return
        if self.plan.dialect == "messages":
            self._messages(MessagesEvent(sse.name, sse.data, sse.frame))
        elif self.plan.dialect == "chat":
            self._chat(sse.data)
        else:
            self._responses(json.loads(sse.data))

    def _messages(self, event):
        try:
            self._grammar.feed(event)
        except GrammarError as error:
            self.complaint = f"illegal: {error}"
        if event.type == "content_block_delta":
            delta = event.payload()["delta"]
            self._say(delta.get("text") or delta.get("partial_json") or "")
        self.end = {"message_stop": "whole", "error": "error"}.get(event.type, "")

    def _chat(self, data):
        if data in ("[DONE]", b"[DONE]"):
            self.end = "whole"
            return
        chunk = json.loads(data)
        if "error" in chunk:
            self.end = "error"
            return
        for choice in chunk["choices"]:
            delta = choice["delta"]
            self._say(delta.get("content") or "")
            for call in delta.get("tool_calls") or []:
                self._say(call["function"].get("arguments") or "")

    def _responses(self, event):
        kind = event["type"].removeprefix("response.")
        if kind in ("output_text.delta", "function_call_arguments.delta"):
            self._say(event["delta"])
        self.end = {"completed": "whole", "failed": "error", "error": "error"}.get(kind, "")


async def ask(plan, server, port):
    """One request, to its end: the operation and everything that came back."""
    began, answer = time.monotonic(), Answer(plan)
    end = ""
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(plan.request)
                await _read(reader, answer)
            finally:
                _close(writer, plan.with_reset)
        end = answer.end or "broken"
    except Left:
        end = "left"
    except ConnectionRefusedError:
        end = "refused"
    except TimeoutError:
        end = "hung"
    except (OSError, asyncio.IncompleteReadError):
        end = "broken"
    except (ValueError, KeyError, IndexError, TypeError) as error:
        end, answer.complaint = "broken", f"unreadable: {type(error).__name__} {error}: {answer.raw[-300:]!r}"
    found = Operation(
        plan.nonce, server, plan.dialect, plan.stream, plan.model, plan.wish.words, began, time.monotonic(), end,
        answer.status, answer.text, plan.tool, plan.phase, answer.complaint,
    )  # fmt: skip
    return found, answer.raw


def _close(writer, with_reset):
    if with_reset:
        with contextlib.suppress(OSError):  # the server may have been quicker
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def _read(reader, answer):
    phase = answer.plan.phase
    if phase == PHASES[0] or phase == PHASES[1]:
        await _leave_after(reader.readexactly(1), 0.3)
    head = await reader.readuntil(b"\r\n\r\n")
    answer.raw += head
    answer.status = int(head.split(b" ", 2)[1])
    if b"\r\ntransfer-encoding: chunked" not in head.lower():
        answer.whole(await reader.read())
        return
    streamed = b"event-stream" in head
    body = b""
    while size := int(await _next(reader.readuntil(b"\r\n"), answer), 16):
        piece = await _next(reader.readexactly(size + 2), answer)
        if streamed:
            answer.feed(piece[:-2])
        body += piece[:-2]
    if not streamed:
        answer.whole(body)


async def _next(reading, answer):
    if answer.plan.phase == PHASES[2] and len(answer.text) > 40:
        reading.close()
        raise Left
    if answer.plan.phase == PHASES[3] and answer.text:
        return await _leave_after(reading, 0.4)
    return await reading


async def _leave_after(reading, seconds):
    try:
        return await asyncio.wait_for(reading, seconds)
    except TimeoutError:
        raise Left from None


class Load:
    """So many clients at once, until they are told to stop."""

    def __init__(self, seed, ports, models, clients=10, leaving=0.15):
        self.operations, self.raw = [], []
        self._chance = random.Random(seed)
        self._ports, self._models, self._clients = ports, models, clients
        self._leaving, self._asked = leaving, 0
        self.over = asyncio.Event()

    async def run(self):
        """Returns when `over` is set and every client has its answer."""
        await asyncio.gather(*(self._client() for _ in range(self._clients)))

    async def _client(self):
        while not self.over.is_set():
            server, port = self._chance.choice(list(self._ports.items()))
            operation, raw = await self.one(server, port)
            if operation.end == "refused":
                await asyncio.sleep(0.3)  # a bounded load, also at a closed door
            self.raw.append(raw)

    async def one(self, server, port, leaving=None):
        """One request, noted down."""
        self._asked += 1
        nonce = f"n{self._asked}x{self._chance.randrange(1 << 24):06x}"
        plan = Plan(self._chance, nonce, self._models, self._leaving if leaving is None else leaving)
        operation, raw = await ask(plan, server, port)
        self.operations.append(operation)
        return operation, raw
