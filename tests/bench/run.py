"""What a request costs: CPU time of `manage.py serve`, and memory of a held stream, with a scripted upstream behind it.

Prints one table; each figure is the best of the rounds. Times differ from machine to machine: with nginx
installed, the same load goes through it as a plain proxy in the same run, and what carries over is the ratio.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import sys
import tempfile

from load import Cell, hold, load

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CELLS = (
    Cell("json", "2 kB, 16 connections, per request", 16, 60, 2_000),
    Cell("big", "200 kB, 8 connections, per request", 8, 25, 200_000),
    Cell("stream", "16 streams of 100 deltas, per delta", 16, 2, 2_000, (100, 5, 0), per_delta=True),
    Cell("cc", "200 kB, 50 ms to the first of 100 deltas, per request", 8, 3, 200_000, (100, 5, 50)),
    Cell("chat", "the same, translated to Chat and back", 8, 3, 200_000, (100, 5, 50), model="bench-chat"),
)
HELD_S = 20
CONFIG = """
[[providers]]
name = "bench"
provider_type = "anthropic"
base_url = "http://127.0.0.1:{port}"
api_key = "none"

[[providers]]
name = "bench-chat"
provider_type = "openai-compatible"
base_url = "http://127.0.0.1:{port}/v1"
api_key = "none"

[[models]]
name = "bench-chat"
[[models.mappings]]
provider = "bench-chat"
actual_model = "bench-upstream"
priority = 1

[[models]]
name = "bench"
[[models.mappings]]
provider = "bench"
actual_model = "bench-upstream"
priority = 1
"""
NGINX = """
daemon off; master_process off; pid {home}/nginx.pid; error_log {home}/nginx.log;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 1000000;
    client_max_body_size 1m; client_body_buffer_size 1m; client_body_temp_path {home}; proxy_temp_path {home};
    fastcgi_temp_path {home}; uwsgi_temp_path {home}; scgi_temp_path {home};
    upstream up {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
        }}
    }}
}}
"""


def cpu_seconds(pid):
    """User and system time of a process's threads, to the nanosecond."""
    tasks = pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def memory_kb(pid):
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextlib.contextmanager
def process(*command, **options):
    child = subprocess.Popen(command, **options)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def cost(port, key, pid, cell):
    before = cpu_seconds(pid)
    asyncio.run(load(port, key, cell))
    return (cpu_seconds(pid) - before) * 1e6 / cell.units


@contextlib.contextmanager
def serving(home, upstream_port):
    """Our server, configured from nothing: its port, client key and PID."""
    port = free_port()
    env = {**os.environ, "CCM_ENV_FILE": f"{home}/.env", "DATABASE_URL": f"sqlite:///{home}/db.sqlite3",
           "CCM_RUN_DIR": f"{home}/run", "CCM_LOG_LEVEL": "warning"}  # fmt: skip

    def manage(*arguments):
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout

    key = json.loads(manage("quickstart", "--json"))["client_key"]
    config = pathlib.Path(home, "bench.toml")
    config.write_text(CONFIG.format(port=upstream_port))
    manage("importconfig", str(config))
    manage("serve", f"127.0.0.1:{port}", "--detach")
    try:
        yield port, key, json.loads(manage("status", "--json"))["pid"]
    finally:
        manage("stop")


@contextlib.contextmanager
def anchored(home, upstream_port):
    """nginx in front of the same upstream: its port, no key, and its PID; None where it is not installed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        yield None
        return
    port, config = free_port(), pathlib.Path(home, "nginx.conf")
    config.write_text(NGINX.format(home=home, upstream=upstream_port, port=port))
    with process(program, "-c", str(config), stderr=subprocess.DEVNULL) as nginx:
        yield port, "", nginx.pid


def measured(proxies, rounds):
    """{cell name: the best figure of each proxy}, the proxies taking turns."""
    for port, key, _ in proxies:
        asyncio.run(load(port, key, CELLS[0]))
    best = {cell.name: [float("inf")] * len(proxies) for cell in CELLS}
    for _ in range(rounds):
        for cell in CELLS:
            now = [cost(*proxy, cell) for proxy in proxies]
            best[cell.name] = [min(pair) for pair in zip(best[cell.name], now, strict=True)]
    return best


def held_memory(port, key, pid, held):
    asyncio.run(load(port, key, CELLS[0]))
    before = memory_kb(pid)
    during = asyncio.run(hold(port, key, held, HELD_S, lambda: memory_kb(pid)))
    return f"{held} streams held: {(during - before) / held:.1f} kB each; {before / 1024:.0f} MB without them."


def report(ccm, nginx, rounds, held):
    memory = held_memory(*ccm, held)  # first: what later rounds leave free in the heap would be used
    best = measured([proxy for proxy in (ccm, nginx) if proxy], rounds)
    if nginx is None:
        print("nginx is not installed, so there are no ratios: compare runs on this machine only.\n")
    print("| cell | nginx, CPU µs | CCM, CPU µs | ratio |\n|---|---:|---:|---:|")
    for cell in CELLS:
        ours, anchor = (*best[cell.name], None)[:2]
        shown = ("–", "–") if anchor is None else (f"{anchor:.1f}", f"×{ours / anchor:.1f}")
        print(f"| `{cell.name}`: {cell.what} | {shown[0]} | {ours:,.0f} | {shown[1]} |")
    print(f"\n{memory}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many (default: %(default)s)")
    parser.add_argument("--held", type=int, default=1000, help="streams to hold open (default: %(default)s)")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    script = pathlib.Path(__file__).with_name("upstream.py")
    with (
        tempfile.TemporaryDirectory() as home,
        process(sys.executable, str(script), stdout=subprocess.PIPE, text=True) as upstream,
    ):
        upstream_port = int(upstream.stdout.readline())
        with serving(home, upstream_port) as ccm, anchored(home, upstream_port) as nginx:
            report(ccm, nginx, options.rounds, options.held)


if __name__ == "__main__":
    main()
