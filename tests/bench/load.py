"""The benchmark's clients: so many connections, each asking again and again, every answer checked to its end."""

import asyncio
import json
from typing import NamedTuple


class Cell(NamedTuple):
    """One kind of load. `script`: deltas, ms between them, ms to the first; None for an answer that is not streamed.

    `model` is `bench`, or `bench-chat` for an upstream that speaks Chat Completions.
    """

    name: str
    what: str
    connections: int
    requests: int
    body_bytes: int
    script: tuple = None
    per_delta: bool = False
    model: str = "bench"

    @property
    def units(self):
        """What the CPU time is divided by."""
        return self.connections * self.requests * (self.script[0] if self.per_delta else 1)

    @property
    def body(self):
        # What the upstream is to do stands in the text, which every translation carries over.
        script = "bench:{},{},{} ".format(*self.script) if self.script else ""
        text = (script + "a word and another é " * (self.body_bytes // 22 + 1))[: self.body_bytes]
        fields = {"model": self.model, "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
        if self.script:
            fields["stream"] = True
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


class Client:
    def __init__(self, port, key, cell):
        body = cell.body
        self.port = port
        self.stream = cell.script is not None
        self.request = (
            b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: %s\r\ncontent-type: application/json\r\n"
            b"anthropic-version: 2023-06-01\r\nuser-agent: bench\r\ncontent-length: %d\r\n\r\n%s"
        ) % (key.encode(), len(body), body)

    async def ask(self, count):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for _ in range(count):
            writer.write(self.request)
            await self._answer(reader)
        writer.close()

    async def _answer(self, reader):
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head[:20]:
            raise SystemExit(f"not answered: {head.decode()}{(await reader.read(500)).decode()}")
        if self.stream:
            tail = b""
            while not tail.endswith(b"0\r\n\r\n"):
                tail = tail[-2000:] + await reader.read(65536)
            assert b"message_stop" in tail
        else:
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            assert b"end_turn" in await reader.readexactly(int(length[15:]))


async def load(port, key, cell):
    client = Client(port, key, cell)
    await asyncio.gather(*(client.ask(cell.requests) for _ in range(cell.connections)))


async def hold(port, key, streams, seconds, measure):
    """Open slow streams one after the other; what `measure` says once all of them run."""
    client = Client(port, key, Cell("held", "", 1, 1, 2_000, (seconds, 1000, 0)))
    running = []
    for _ in range(streams):
        running.append(asyncio.create_task(client.ask(1)))
        await asyncio.sleep(0.003)
    await asyncio.sleep(2)
    found = measure()
    await asyncio.gather(*running)
    return found
