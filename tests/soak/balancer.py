"""A tiny TCP balancer: each connection goes to the next backend that takes it, and nothing is looked at."""

import asyncio
import contextlib
from collections import deque


class Balancer:
    """Listens on a loopback port in the running event loop; use as an async context manager."""

    def __init__(self, ports):
        self._ports = deque(ports)
        self.port = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        self._ports.rotate(1)
        for port in tuple(self._ports):
            try:
                backend = await asyncio.open_connection("127.0.0.1", port)
                break
            except ConnectionRefusedError:
                continue
        else:
            writer.close()
            return
        await asyncio.gather(_copy(reader, backend[1]), _copy(backend[0], writer))


async def _copy(reader, writer):
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()
