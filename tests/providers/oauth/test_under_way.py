"""A sign-in under way as its page keeps it in the session."""

import socket
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from providers.models import StartedSignIn
from providers.oauth import loopback, under_way
from providers.oauth.flows import FLOWS
from providers.oauth.sign_in import SignInRefused
from tests.providers.oauth import accounts

pytestmark = pytest.mark.django_db(transaction=True)
HERE, AWAY = "http://localhost:8000/admin/sign-in/back/", "https://ccm.example.com/admin/sign-in/back/"


@pytest.fixture
def whom():
    session = SessionStore()
    session.create()
    yield {"user": User.objects.create(username="admin"), "session": session}
    loopback.close_all()


@pytest.fixture
def to_port(auth, monkeypatch):
    """The flow that leads to a port, and that port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        uri = f"http://localhost:{probe.getsockname()[1]}/auth/callback"
    return accounts.use(auth, monkeypatch, "openai", redirect_uri=uri), urlsplit(uri).port


def test_it_is_kept_sealed_until_it_is_completed(flow, whom):
    """The session's row holds no state in clear; another session's sealed text says nothing here."""
    row = accounts.provider()
    begun = under_way.start(flow, row, own_uri=HERE, **whom)
    whom["session"].save()
    assert under_way.kept(whom["session"], row) == begun and begun.way == "paste"
    assert begun.state not in repr(begun) and begun.url not in repr(begun)
    assert begun.state not in repr(dict(whom["session"].items()))
    assert begun.state not in repr(list(Session.objects.values()))
    other = SessionStore()
    other.create()
    other.update(dict(whom["session"].items()))
    assert under_way.kept(other, row) is None
    assert under_way.kept(whom["session"], accounts.provider(name="other")) is None
    StartedSignIn.objects.all().delete()
    assert under_way.kept(whom["session"], row) is None


def test_one_that_is_given_up_cannot_be_completed(flow, whom):
    """Neither by giving up nor by beginning another; giving up twice is no error."""
    row = accounts.provider()
    first = under_way.start(flow, row, own_uri=HERE, **whom)
    second = under_way.start(flow, row, own_uri=HERE, **whom)
    assert StartedSignIn.objects.count() == 1 and under_way.kept(whom["session"], row) == second
    assert first.state != second.state
    for _ in range(2):
        under_way.give_up(second, provider=row, **whom)
    assert not StartedSignIn.objects.exists() and under_way.kept(whom["session"], row) is None


def test_one_that_cannot_begin_leaves_the_one_before(flow, whom):
    """A refusal changes nothing of what is under way."""
    row = accounts.provider()
    before = under_way.start(flow, row, own_uri=HERE, **whom)
    with pytest.raises(SignInRefused):
        under_way.start(FLOWS["openai"], row, own_uri=HERE, **whom)
    assert under_way.kept(whom["session"], row) == before


def test_the_port_is_opened_for_a_browser_on_this_machine_only(to_port, whom):
    """Else the browser would end on its own machine, and the address is pasted."""
    flow, port = to_port
    row = accounts.provider(preset="codex")
    assert under_way.start(flow, row, own_uri=AWAY, **whom).way == "remote"
    socket.create_server(("127.0.0.1", port)).close()
    assert under_way.start(flow, row, own_uri=HERE, **whom).way == "returns"
    with socket.create_connection(("127.0.0.1", port)):
        loopback.close_all()
    with socket.create_server(("127.0.0.1", port)):
        assert under_way.start(flow, row, own_uri=HERE, **whom).way == "busy"


@pytest.mark.parametrize(
    ("client", "own", "way"), [("", HERE, "returns"), ("", AWAY, "remote"), ("mine", AWAY, "returns")]
)
def test_a_flow_back_to_this_service_needs_no_port(whom, settings, client, own, way):
    """Google leads back to this service itself where its client allows it."""
    settings.CCM_OAUTH_CLIENTS = {"GOOGLE_OAUTH": (client, "s3cret")}
    row = accounts.provider(preset="code-assist")
    assert under_way.start(FLOWS["google"], row, own_uri=own, **whom).way == way
    assert not loopback._open


def test_it_is_called_by_its_flow_and_vendor(flow, whom):
    """What the page says of it: the account's kind, the vendor's host, the time."""
    begun = under_way.start(flow, accounts.provider(), own_uri=HERE, **whom)
    assert (begun.label, begun.vendor) == (flow.label, urlsplit(flow.authorize_url).netloc)
    assert begun.expires_at.timestamp() == begun.expires
    assert replace(begun, flow="gone").label == "gone"
