"""The port that a vendor leads back to, on real sockets."""

import contextlib
import http.client
import socket
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from providers.models import StartedSignIn
from providers.oauth import loopback, sign_in
from tests.providers.oauth import accounts

pytestmark = pytest.mark.django_db(transaction=True)
BACK = "http://127.0.0.1:8000/admin/sign-in/back/"


@pytest.fixture
def uri():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://localhost:{probe.getsockname()[1]}/auth/callback"


@pytest.fixture
def start(uri, auth, monkeypatch):
    """Begins a sign-in that leads to the port; gives its state. All ports are closed with the test."""
    flow = accounts.use(auth, monkeypatch, "openai", redirect_uri=uri)
    row, user = accounts.provider(preset="codex"), User.objects.create(username="admin")

    def begin():
        begun = sign_in.begin(flow, row, user=user, session_key="s", own_uri=BACK)
        return dict(parse_qsl(urlsplit(begun.url).query))["state"]

    yield begin
    loopback.close_all()


@pytest.fixture
def look_on(monkeypatch):
    """Waits until the port has looked some times whether a sign-in runs; with `raising` it cannot."""
    looks = []

    def awaited(uri):
        looks.append(uri)
        if look_on.raising:
            raise OperationalError("away")
        return sign_in.is_awaited(uri)

    def look_on(raising=False):
        look_on.raising = raising
        wanted, ends = len(looks) + 4, time.monotonic() + 10
        while len(looks) < wanted and time.monotonic() < ends:
            time.sleep(0.01)
        assert len(looks) >= wanted

    look_on.raising = False
    monkeypatch.setattr(loopback, "is_awaited", awaited)
    return look_on


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(loopback, "LOOK_S", 0.03)


def ask(uri, query="", host="", method="GET", address="127.0.0.1"):
    """Status, address to go to, and text of an answer; status 0 when nobody listens."""
    parts = urlsplit(uri)
    peer = http.client.HTTPConnection(address, parts.port, timeout=5)
    try:
        peer.request(method, f"{parts.path}{query}", headers={"host": host or parts.netloc})
        answer = peer.getresponse()
        return answer.status, answer.headers.get("location", ""), answer.read().decode()
    except ConnectionError:
        return 0, "", ""
    finally:
        peer.close()


def on_ipv6(port):
    try:
        return contextlib.closing(socket.create_server(("::1", port), family=socket.AF_INET6))
    except OSError:  # there is none here
        return contextlib.nullcontext()


def closes(uri, seconds=10.0):
    ends = time.monotonic() + seconds
    while ask(uri)[0] and time.monotonic() < ends:
        time.sleep(0.05)
    return ask(uri)[0] == 0


def test_a_browser_is_handed_on_to_the_address_of_the_admin(uri, start):
    """With what the vendor says and nothing else; the sign-in is not used up, because its session is known there."""
    state = start()
    assert loopback.listen(uri)
    status, to, _ = ask(uri, f"?code=a%26b&state={state}&scope=x&next=//evil.example")
    assert status == 302 and to.startswith(f"{BACK}?")
    assert dict(parse_qsl(urlsplit(to).query)) == {"code": "a&b", "state": state}
    status, to, _ = ask(uri, f"?error=access_denied&error_description=no+%0d%0ax:+y&state={state}")
    assert status == 302 and "\n" not in to and "error=access_denied" in to
    assert StartedSignIn.objects.count() == 1


def test_the_port_is_open_only_while_a_sign_in_runs(uri, start, look_on):
    """It closes soon after the last sign-in is taken, and not before; the next one opens it anew."""
    first, second = start(), start()
    assert loopback.listen(uri) and loopback.listen(uri)
    sign_in.take(first, user=User.objects.get(), session_key="s")
    look_on()
    assert ask(uri)[0] == 400
    sign_in.take(second, user=User.objects.get(), session_key="s")
    assert closes(uri)
    start()
    assert loopback.listen(uri) and ask(uri)[0] == 400


@pytest.mark.parametrize("how", ["row", "clock"])
def test_after_ten_minutes_it_closes(uri, start, how):
    """By the sign-in's own end, and whatever the rows say by the monotonic clock."""
    start()
    assert loopback.listen(uri)
    if how == "row":
        StartedSignIn.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    else:
        loopback._open[uri].until = time.monotonic()
    assert closes(uri)


def test_a_database_that_is_away_closes_nothing(uri, start, look_on, monkeypatch):
    """The port waits for the database, and says that the address can be pasted meanwhile."""
    state = start()
    assert loopback.listen(uri)

    def away(*_):
        raise OperationalError("away")

    monkeypatch.setattr(loopback, "return_of", away)
    look_on(raising=True)
    status, _, text = ask(uri, f"?code=c&state={state}")
    assert status == 503 and "Paste this page" in text


@pytest.mark.parametrize(
    ("query", "host", "path", "status"),
    [
        ("", "", "", 400), ("?code=c", "", "", 400), ("?code=c&state=wrong", "", "", 400), ("?state=%00", "", "", 400),
        ("?state=%ff&code=c", "", "", 400), ("?" + "a=1&" * 30, "", "", 400), ("?code=c&state={}", "", "/more", 404),
        ("?code=c&state={}", "evil.example", "", 404), ("?code=c&state={}", "localhost:1", "", 404),
    ],
)  # fmt: skip
def test_anything_else_leads_nowhere(uri, start, query, host, path, status):
    """No state, a wrong one, another path or another name of the host (a rebound one): a page, and no redirect."""
    state = start()
    assert loopback.listen(uri)
    told, to, text = ask(uri + path, query.format(state), host=host)
    assert (told, to) == (status, "") and state not in text


PAYLOADS = [
    "//evil.example", "///evil.example", "////evil.example/%2e%2e", "https://evil.example", "http:evil.example",
    "http:/evil.example", "http:///evil.example", "https:evil.example", "\\\\evil.example", "/\\evil.example",
    "\\/evil.example", "/\\/evil.example", "//evil.example\\@127.0.0.1", "http://127.0.0.1@evil.example",
    "http://127.0.0.1:8000@evil.example/", "http://127.0.0.1:8000.evil.example", "http://evil.example#127.0.0.1",
    "http://evil.example?127.0.0.1:8000", "//evil.example/%2f..", "/%09/evil.example", "/%5cevil.example",
    "//%0d%0aevil.example", "%0d%0alocation:%20//evil.example", "\tjavascript:alert(1)", "javascript:alert(1)",
    "JaVaScRiPt://x%0aalert(1)", "data:text/html,<script>alert(1)</script>", "//[::ffff:127.0.0.1]@evil.example",
    "//evil\u3002example", "http://evil.example:80:1455", ".evil.example", "@evil.example",
]  # fmt: skip


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nobody_is_sent_elsewhere(uri, start, payload):
    """Whatever stands in the query, the path or the state: a browser goes to the stored address or nowhere."""
    state = start()
    assert loopback.listen(uri)
    raw = quote(payload, safe="%")
    for name in ("next", "redirect_uri", "return_to", "to", "code", "error"):
        status, to, _ = ask(uri, f"?code=c&state={state}&{name}={raw}")
        parts = urlsplit(to)
        assert status == 302 and (parts.scheme, parts.netloc, parts.path) == (
            "http",
            "127.0.0.1:8000",
            urlsplit(BACK).path,
        )
    for query in (f"?state={raw}&code=c", f"/{raw}?code=c&state={state}"):
        assert ask(uri, query)[:2] in ((400, ""), (404, ""))


def test_other_methods_are_refused(uri, start):
    """A POST or a HEAD with a good state is not handed on."""
    state = start()
    assert loopback.listen(uri)
    for method in ("POST", "HEAD", "OPTIONS"):
        assert ask(uri, f"?code=c&state={state}", method=method)[:2] == (501, "")


def test_a_port_that_another_program_holds_is_told(uri, start):
    """On either address; a program that answers like a stranger is one."""
    start()
    port = urlsplit(uri).port
    with socket.create_server(("127.0.0.1", port)):
        assert loopback.listen(uri) is False
    with on_ipv6(port) as there:
        if there:
            assert loopback.listen(uri) is False
    assert loopback.listen(uri)


def test_a_port_that_another_process_of_ours_holds_is_as_good(uri, start, settings):
    """It knows all sign-ins of the database. One with another secret key is a stranger."""
    start()
    other = loopback._Loopback(uri)
    other.start()
    try:
        assert loopback.listen(uri) is True and uri not in loopback._open
        settings.SECRET_KEY = "another"
        told = loopback._mark(uri)
        settings.SECRET_KEY = "only-for-tests"
        assert told != loopback._mark(uri)
    finally:
        other.close()


def test_nothing_of_what_comes_in_is_logged(uri, start, caplog, capfd):
    """Neither the code nor the state, when it works and when a peer talks nonsense."""
    caplog.set_level(0)
    state = start()
    assert loopback.listen(uri)
    ask(uri, f"?code=code-canary&state={state}")
    with socket.create_connection(("127.0.0.1", urlsplit(uri).port)) as peer:
        peer.sendall(b"GET /auth/callback?code=code-canary HTTP/9.9 what\r\n\r\n")
        peer.recv(1000)
    out, err = capfd.readouterr()
    for text in (out, err, caplog.text):
        assert "canary" not in text and state not in text
