"""REDIS_URL: the channel layer that processes share, against a real Redis."""

import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer

from ccmsite.environment import layer_prefix

ROOT = Path(__file__).resolve().parents[2]
LISTEN = """
import asyncio, sys
from channels.layers import get_channel_layer

async def main():
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(sys.argv[1], channel)
    print("listening", flush=True)
    print((await layer.receive(channel))["text"], flush=True)
    await layer.flush()

asyncio.run(main())
"""


def test_two_installations_on_one_redis_hear_nothing_of_each_other():
    """Each has a prefix of its own, from its secret, which cannot be read from it."""
    assert layer_prefix("one") != layer_prefix("other")
    assert layer_prefix("one") == layer_prefix("one")
    assert "only-for-tests" not in layer_prefix("only-for-tests")


@pytest.fixture
def redis_url():
    """The server of CCM_TEST_REDIS, else the one that `make services` starts."""
    named = os.environ.get("CCM_TEST_REDIS", "")
    url = named or "redis://127.0.0.1:{}/0".format(os.environ.get("CCM_TEST_REDIS_PORT") or 56379)
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port or 6379), timeout=5).close()
    except OSError:
        if named:
            pytest.fail("no Redis answers at CCM_TEST_REDIS")
        pytest.skip("needs Redis: apt-get install redis-server, then redis-server --port 56379 (or: make services)")
    return url


async def test_what_one_process_sends_reaches_another(redis_url):
    """A process that was started with REDIS_URL hears a group's message from outside."""
    group = f"test-{secrets.token_hex(8)}"
    env = dict(os.environ) | {"REDIS_URL": redis_url, "DJANGO_SETTINGS_MODULE": "ccmsite.settings"}
    listener = subprocess.Popen(
        [sys.executable, "-c", LISTEN, group], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
    )
    layer = RedisPubSubChannelLayer(hosts=[redis_url], prefix=layer_prefix("only-for-tests"))
    try:
        assert listener.stdout.readline() == "listening\n"
        await layer.group_send(group, {"type": "told", "text": "hello"})
        assert listener.communicate(timeout=20)[0] == "hello\n"
    finally:
        await layer.flush()
        listener.kill()
        listener.wait()
