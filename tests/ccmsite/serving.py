"""A tiny ASGI application on stock daphne or ours, for test_server.py: `serving.py stock|ours PORT [DRAIN_S]`."""

import asyncio
import os
import sys
import time

os.environ["CCM_ENV_FILE"] = os.devnull
os.environ["SECRET_KEY"] = "only-for-tests"
os.environ["DATABASE_URL"] = "sqlite://:memory:"
os.environ["DJANGO_SETTINGS_MODULE"] = "ccmsite.settings"

import django

django.setup()

MAX_BODY = 4_000_000
PIECE = b"x" * 65_536


def stand_still():
    """Block the event loop, as no application should."""
    time.sleep(0.8)


async def application(scope, receive, send):
    """What each path does is what one test looks at."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        print("accepted", flush=True)
        print((await receive())["type"], flush=True)
        return
    path = scope["path"]
    if path in ("/slow", "/soon"):
        await asyncio.sleep(2.5 if path == "/slow" else 0.8)
    if path == "/blocked":
        stand_still()
    if path.endswith("/broken"):
        raise ValueError("before anything was said")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if path == "/flood":
        for _ in range(1600):
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
    elif path == "/big-end":
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await send({"type": "http.response.body", "body": b"x" * 8_000_000})
        print("ended", flush=True)
        return
    elif path == "/big-piece":
        await send({"type": "http.response.body", "body": b"x" * 24_000_000, "more_body": True})
    elif path == "/unfinished":
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        return
    elif path == "/late":
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        raise ValueError("after the first chunk")
    elif path == "/stream":
        for _ in range(8):
            await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
            await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": b"done\n"})
        return
    elif path == "/until-told":
        await send({"type": "http.response.body", "body": b"waiting\n", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        print("told", flush=True)
        return
    elif path == "/silent":
        await send({"type": "http.response.body", "body": b"waiting\n", "more_body": True})
        await asyncio.sleep(60)
    await send({"type": "http.response.body", "body": scope["root_path"].encode() + b"bye"})


def gate(method, path, headers, client):
    """Refuses whoever shows no key."""
    from proxy.errors import ApiError

    shown = any(name == b"x-api-key" for name, _ in headers)
    return None if shown else ApiError(401, "authentication_error", "show a key", {"x-should-retry": "false"})


def flush():
    """An exit hook that says that it ran."""
    print("flushed", flush=True)


def fail():
    """An exit hook that cannot do its work."""
    raise OSError("no disk")


def main(kind, port, drain_s=1.5):
    if kind == "stock":
        from daphne.server import Server

        print("port", port, flush=True)
        Server(application, endpoints=[f"tcp:{port}:interface=127.0.0.1"]).run()
    else:
        from ccmsite.server.app import Server, listen
        from ccmsite.server.channel import Pace

        listener = listen("127.0.0.1", port)
        Server(
            application, listener, max_body_bytes=MAX_BODY, gate=gate, drain_s=drain_s, stall_s=0.5,
            pace=Pace(window_s=1.0, body_bytes_per_s=2000.0),
            ready=lambda: print("port", port, flush=True),
            on_exit=fail if kind == "failing-exit" else flush,
        ).run()  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:]))
