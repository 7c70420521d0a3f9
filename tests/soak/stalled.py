"""What clients that never read cost: `python -m tests.soak.stalled` prints it, kernel buffers included.

The upstream sends as fast as it is read. Counted are the growth of the server's resident memory and the bytes that
wait in the kernel on both of its sides: sent to the client and not taken, come from the upstream and not read.
"""

import contextlib
import json
import pathlib
import socket
import tempfile
import time
from typing import NamedTuple

from tests.soak.cluster import Sqlite, cluster
from tests.upstream import ScriptedUpstream

CONFIG = """
[[providers]]
name = "flood"
provider_type = "{kind}"
base_url = "{url}/flood"
api_key = "none"
[[models]]
name = "m"
[[models.mappings]]
provider = "flood"
actual_model = "flood"
"""
BODY = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "go"}]}


class Held(NamedTuple):
    """Kilobytes for each client."""

    process: float
    to_clients: float
    from_upstream: float

    @property
    def total(self):
        return sum(self)


def queued(server_port, upstream_port):
    """Bytes in the kernel for a server: (sent to its clients, received from the upstream)."""
    to_clients = from_upstream = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        sending, receiving = (int(part, 16) for part in queues.split(":"))
        if int(local.rpartition(":")[2], 16) == server_port:
            to_clients += sending
        if int(remote.rpartition(":")[2], 16) == upstream_port:
            from_upstream += receiving
    return to_clients, from_upstream


def never_reads(port):
    """A client that has asked and takes nothing of the answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    body = json.dumps(BODY).encode()
    head = b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-length: %d\r\n\r\n" % len(body)
    client.sendall(head + body)
    return client


def measured(home, clients=20, kind="anthropic-compatible", warm_up=5):
    """What each of so many stalled clients costs once nothing grows any more."""
    with (
        ScriptedUpstream() as upstream,
        cluster(home, Sqlite(home), CONFIG.format(kind=kind, url=upstream.url), ("one",), 1) as (member,),
        contextlib.ExitStack() as opened,
    ):
        upstream_port = int(upstream.url.rpartition(":")[2])
        for _ in range(warm_up):  # what the first requests load is no client's
            opened.enter_context(never_reads(member.port))
        _settle(upstream)
        before = (member.figures()[2] * 1024, *(n / 1024 for n in queued(member.port, upstream_port)))
        for _ in range(clients):
            opened.enter_context(never_reads(member.port))
        _settle(upstream)
        after = (member.figures()[2] * 1024, *(n / 1024 for n in queued(member.port, upstream_port)))
        return Held(*((now - then) / clients for now, then in zip(after, before, strict=True)))


def _settle(upstream):
    sent = -1
    while upstream.sent != sent:
        sent = upstream.sent
        time.sleep(1.0)


def main():
    for kind in ("anthropic-compatible", "openai-compatible"):
        with tempfile.TemporaryDirectory(prefix="ccm-stalled-") as home:
            held = measured(pathlib.Path(home), kind=kind)
        where = f"{held.process:.0f} in the process, {held.to_clients:.0f} and {held.from_upstream:.0f} in the kernel"
        print(f"{kind}: {held.total:.0f} kB for each client that never reads: {where}")


if __name__ == "__main__":
    main()
