"""The live tail's WebSocket."""

import json

import pytest
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import Group, User
from django.test import Client
from redis.exceptions import ConnectionError as RedisDown

from ccmsite.asgi import application
from ccmsite.roles import VIEWER
from proxy import consumers, tail
from proxy.viewer import MAX_UNREAD

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/admin/live/socket/"
HERE = {"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"}


def signed_in(user):
    client = Client()
    client.force_login(user)
    return {"cookie": f"sessionid={client.cookies['sessionid'].value}"}


def viewer():
    user = User.objects.create_user("viewer", is_staff=True)
    user.groups.add(Group.objects.get_or_create(name=VIEWER)[0])
    from ccmsite import roles

    user.groups.get().permissions.set(roles.rights(VIEWER))
    return user


def socket(path=PATH, **headers):
    given = {name: value for name, value in {**HERE, **headers}.items() if value is not None}
    return WebsocketCommunicator(application, path, headers=[(k.encode(), v.encode()) for k, v in given.items()])


async def open_up(ws):
    assert (await ws.connect())[0]
    first = json.loads(await ws.receive_from())
    assert (first["events"], first["dropped"], first["away"]) == ([], 0, False)
    return first["token"]


async def batch(number, count=1):
    events = [{"kind": "began", "id": f"req_{number + i}"} for i in range(count)]
    message = {"type": "tail.batch", "process": "p", "number": number, "events": events}
    await get_channel_layer().group_send(tail.GROUP, message)


@pytest.fixture
def person(transactional_db):
    return viewer()


@pytest.fixture
def cookie(person):
    return signed_in(person)


async def test_a_viewer_sees_what_happens(cookie):
    """Who may see the history gets the events of the group."""
    ws = socket(**cookie)
    await open_up(ws)
    await batch(1, 2)
    got = json.loads(await ws.receive_from())
    assert [event["id"] for event in got["events"]] == ["req_1", "req_2"]
    await ws.disconnect()


async def test_who_does_not_read_is_sent_a_few_batches_only(cookie):
    """Four unread batches are on their way at most; once one is read it goes on, and tells what was dropped."""
    ws = socket(**cookie)
    token = await open_up(ws)
    for number in range(20):
        await batch(1 + 50 * number, 50)
        if number < MAX_UNREAD - 1:
            await ws.receive_from()
    assert await ws.receive_nothing(0.2)
    await ws.send_to(token)
    got = json.loads(await ws.receive_from())
    assert got["dropped"] == 17 * 50 - 200
    await ws.disconnect()


@pytest.mark.parametrize("word", ["read", "0123456789abcdef", "x" * 100_000])
async def test_any_other_word_closes(cookie, word):
    """What our page never says, a token that was never sent as well, ends the connection."""
    ws = socket(**cookie)
    await open_up(ws)
    await ws.send_to(word)
    assert (await ws.receive_output())["code"] == 4400
    await ws.disconnect()


async def test_a_quiet_viewer_hears_that_the_way_is_open_or_shut(cookie, monkeypatch):
    """Every now and then an empty batch comes; it tells when the channel layer goes away, and when it is back."""
    monkeypatch.setattr(consumers, "BEAT_S", 0.05)
    ws = socket(**cookie)
    tokens = [await open_up(ws)]

    async def heard(away):
        for _ in range(50):
            await ws.send_to(tokens.pop())
            got = json.loads(await ws.receive_from(5))
            tokens.append(got["token"])
            if got["away"] == away:
                return True
        return False

    assert await heard(False)
    layer = type(get_channel_layer())
    for fault in (RedisDown("gone"), OSError("gone"), None):
        with monkeypatch.context() as patched:
            patched.setattr(layer, "send", raising(fault))
            assert await heard(True)
        assert await heard(False)
    await ws.disconnect()


def raising(fault):
    """A channel layer's `send` that fails, or loses what it is given."""

    async def send(self, channel, message):
        if fault is not None:
            raise fault

    return send


async def test_without_a_channel_layer_nobody_is_kept_waiting(cookie, monkeypatch):
    """Who comes while Redis is away is told so, in a code of its own, and may try again."""
    monkeypatch.setattr(type(get_channel_layer()), "group_send", raising(RedisDown("gone")))
    assert await refused(**cookie) == 4503


async def test_leaving_while_the_channel_layer_is_away(cookie, monkeypatch, caplog):
    """The end of a view is no error, whatever Redis does."""
    ws = socket(**cookie)
    await open_up(ws)
    monkeypatch.setattr(type(get_channel_layer()), "group_discard", raising(RedisDown("gone")))
    with caplog.at_level("INFO", "proxy.tail"):
        await ws.disconnect()
    assert "a viewer leaves" in caplog.text


async def test_a_database_that_cannot_say_who_may_watch(cookie, monkeypatch):
    """While the right cannot be looked up nobody watches: neither who comes nor who is there already."""
    from django.db import OperationalError

    monkeypatch.setattr(consumers, "CHECK_EVERY_S", 0.0)
    monkeypatch.setattr(consumers, "BEAT_S", 0.05)
    ws = socket(**cookie)
    await open_up(ws)

    def gone(session_key):
        raise OperationalError("the database is away")

    monkeypatch.setattr(consumers, "_may_watch", gone)
    assert await closed_with(ws) == 4503
    await ws.disconnect()
    assert await refused(**cookie) == 4503


async def closed_with(ws):
    """The code of the end, whatever is said before it."""
    while (told := await ws.receive_output(5))["type"] != "websocket.close":
        pass
    return told["code"]


async def refused(**headers):
    ws = socket(**headers)
    connected, code = await ws.connect()
    if connected:
        code = (await ws.receive_output())["code"]
    await ws.disconnect()
    return code


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": None}, {"origin": "null"}, {"origin": "http://evil.example"}, {"origin": "http://127.0.0.1:3000"},
        {"origin": "file://127.0.0.1:8000"}, {"host": "evil.example", "origin": "http://evil.example"},
    ],
)  # fmt: skip
async def test_pages_of_others_are_refused(cookie, headers):
    """A page from elsewhere, or with another port, is closed though the browser sends the cookie."""
    assert await refused(**cookie, **headers) == 4403


async def test_nobody_and_people_without_the_right_are_refused(person):
    """No session, a session of no staff, and staff without the permission: 4403."""
    from asgiref.sync import sync_to_async

    assert await refused() == 4403
    assert await refused(cookie="sessionid=made-up") == 4403
    plain = await sync_to_async(User.objects.create_user)("plain", is_staff=True)
    assert await refused(**await sync_to_async(signed_in)(plain)) == 4403


async def test_an_unknown_address_is_refused(cookie):
    """Any other WebSocket address is closed."""
    ws = socket("/admin/other/", **cookie)
    assert await ws.connect() == (False, 4404)


async def test_a_session_that_ends_closes_the_socket(cookie, monkeypatch):
    """Signing out elsewhere ends the view at the next look."""
    from asgiref.sync import sync_to_async
    from django.contrib.sessions.models import Session

    monkeypatch.setattr(consumers, "CHECK_EVERY_S", 0.0)
    monkeypatch.setattr(consumers, "BEAT_S", 0.05)
    ws = socket(**cookie)
    await open_up(ws)
    await sync_to_async(Session.objects.all().delete)()
    assert await closed_with(ws) == 4403
    await ws.disconnect()
