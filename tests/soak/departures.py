"""How soon an upstream is let go when its client leaves, in four phases: `python -m tests.soak.departures [N]`.

Measured is the time from the client's close to the moment at which the upstream sees its connection end, one client at
a time, by FIN and by RST in turn, on one server process.
"""

import json
import pathlib
import socket
import struct
import sys
import tempfile
import time

from tests.soak.cluster import Sqlite, cluster
from tests.upstream import ScriptedUpstream

PHASES = {
    "before the headers": "hang",
    "before the first content": "hdrhang",
    "in the stream": "flood",
    "in a silence": "silent/60",
}
SPOKEN = ("in the stream", "in a silence")
"""Phases in which the client has had something."""


def config(url):
    """A provider and a model for each phase."""
    parts = []
    for fault in PHASES.values():
        name = fault.partition("/")[0]
        parts.append(f'[[providers]]\nname = "{name}"\nprovider_type = "anthropic-compatible"\n')
        parts.append(f'base_url = "{url}/{fault}"\napi_key = "none"\n[[models]]\nname = "{name}"\n')
        parts.append(f'[[models.mappings]]\nprovider = "{name}"\nactual_model = "{name}"\n')
    return "".join(parts)


def leave(port, upstream, phase, with_reset):
    """Seconds until the upstream knew, or None when it did not within five."""
    asked, gone = len(upstream.requests), len(upstream.aborted)
    body = {"model": PHASES[phase].partition("/")[0], "max_tokens": 9, "stream": True, "messages": [
        {"role": "user", "content": "hello"}]}  # fmt: skip
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        data = json.dumps(body).encode()
        client.sendall(
            b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-length: %d\r\n\r\n%s" % (len(data), data)
        )
        assert upstream.wait_for(lambda up: len(up.requests) > asked)
        received = b""
        while phase in SPOKEN and b"text_delta" not in received:
            received += client.recv(65536)
        time.sleep(0.05)
        if with_reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        left = time.monotonic()
    return upstream.aborted[gone] - left if upstream.wait_aborted(gone + 1) else None


def measured(home, count, phases=tuple(PHASES)):
    """{phase: seconds of each departure}."""
    with ScriptedUpstream() as upstream, cluster(home, Sqlite(home), config(upstream.url), ("one",), 1) as (member,):
        return {
            phase: [leave(member.port, upstream, phase, bool(number % 2)) for number in range(count)]
            for phase in phases
        }


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory(prefix="ccm-departures-") as home:
        found = measured(pathlib.Path(home), count)
    for phase, times in found.items():
        known = sorted(1000 * seconds for seconds in times if seconds is not None)
        told = (
            f"p50 {known[len(known) // 2]:.0f} ms, p99 {known[int(len(known) * 0.99)]:.0f} ms, most {known[-1]:.0f} ms"
        )
        print(f"{phase}: {told}, {len(times) - len(known)} of {len(times)} never")


if __name__ == "__main__":
    main()
