"""What a request costs: CPU time of `manage.py serve` per request and per streamed piece, echo provider behind it.

Prints one table. Times differ from machine to machine; compare runs on the same one.
"""

import asyncio
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


async def ask(port, body, count):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    end = b"message_stop" if b'"stream":true' in body else b'"usage"'
    for _ in range(count):
        writer.write(head + body)
        seen = b""
        while end not in seen or not seen.endswith((b"}", b"0\r\n\r\n")):
            seen += await reader.read(65536)
    writer.close()


async def load(port, body, connections, count):
    await asyncio.gather(*(ask(port, body, count) for _ in range(connections)))


def body_of(size, stream=False):
    text = "a word and another " * (size // 19 + 1)
    message = {"model": "demo", "max_tokens": 9, "messages": [{"role": "user", "content": text[:size]}]}
    return json.dumps({**message, "stream": True} if stream else message, separators=(",", ":")).encode()


def main():
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "CCM_ENV_FILE": f"{home}/.env", "DATABASE_URL": f"sqlite:///{home}/db.sqlite3",
               "CCM_RUN_DIR": f"{home}/run", "CCM_LOG_LEVEL": "warning"}  # fmt: skip
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]

        def manage(*arguments):
            return subprocess.run(
                [sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, check=True, capture_output=True, text=True
            ).stdout

        manage("quickstart")
        manage("serve", f"127.0.0.1:{port}", "--detach")
        try:
            pid = json.loads(manage("status", "--json"))["pid"]
            print("| cell | CPU µs |\n|---|---:|")
            for name, body, connections, count in (
                ("2 kB, 16 connections, per request", body_of(2_000), 16, 60),
                ("200 kB, 8 connections, per request", body_of(200_000), 8, 20),
                ("streamed, 16 connections, per piece", body_of(2_400, stream=True), 16, 10),
            ):
                asyncio.run(load(port, body, 2, 5))
                before = cpu_seconds(pid)
                asyncio.run(load(port, body, connections, count))
                pieces = 100 if b'"stream":true' in body else 1
                print(f"| {name} | {(cpu_seconds(pid) - before) * 1e6 / (connections * count * pieces):.0f} |")
        finally:
            manage("stop")


if __name__ == "__main__":
    main()
