"""Tokens for Google Cloud: key files, default credentials, the metadata server; at servers on real sockets."""

import asyncio
import json
import sys
import threading
import time
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from google.oauth2 import credentials as google_credentials

from providers import google_adc
from providers.errors import FailureKind, UpstreamFailure
from providers.google_adc import DEFAULT, SCOPE, AdcSource, access_token, source_of, with_token
from providers.targets import Secret
from tests import cast
from tests.upstream import ScriptedUpstream

MACHINE = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCE_METADATA_HOST", "GCE_METADATA_IP")
REFRESH = "refresh-canary-0123456789"


@pytest.fixture
def upstream():
    with ScriptedUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def private_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """A machine without credentials of its own, and a process that holds no token."""
    for name in MACHINE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setattr("google.auth.compute_engine._metadata._NO_GCE_CHECK", True)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    google_adc.forget()
    yield tmp_path
    google_adc.forget()


def pem(private_key):
    shape = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private_key.private_bytes(*shape).decode()


def key_file(upstream, private_key, path="play", **changes):
    return json.dumps(
        {
            "type": "service_account", "project_id": "p", "private_key_id": "k", "private_key": pem(private_key),
            "client_email": "robot@p.example", "client_id": "1", "token_uri": f"{upstream.url}/{path}", **changes,
        }
    )  # fmt: skip


def user_file(**changes):
    named = {"client_id": "c", "client_secret": "client-canary", "refresh_token": REFRESH}
    return json.dumps({"type": "authorized_user", **named, **changes})


def answers(upstream, *tokens, expires_in=3600, **more):
    for token in tokens:
        told = {"access_token": token, "token_type": "Bearer", "expires_in": expires_in, **more}
        upstream.play(json.dumps(told).encode(), 200, "application/json")


def refuses(upstream, status=400, error="invalid_grant", words="Token has been revoked.", times=1):
    for _ in range(times):
        body = {"error": error, "error_description": words}
        upstream.play(json.dumps(body).encode(), status, "application/json")


def of(text):
    return AdcSource.of_key(Secret(text))


async def failure_of(source):
    with pytest.raises(UpstreamFailure) as raised:
        await access_token(source)
    return raised.value.failure


def on_vertex(secret="", preset="vertex-ai", **fields):
    return cast.target(preset=preset, secret=Secret(secret), **fields)


def test_what_a_key_is_decides_where_the_token_comes_from(upstream, private_key):
    """Empty: default credentials; a JSON file: that file; anything else goes out as it is."""
    text = key_file(upstream, private_key)
    for preset in ("vertex-ai", "vertex-claude"):
        assert source_of(on_vertex(preset=preset)) == DEFAULT
        assert source_of(on_vertex(text, preset)) == of(text) != DEFAULT
        assert source_of(on_vertex("ya29.token", preset)) is None
    assert source_of(cast.target(preset="gemini", secret=Secret(""))) is None
    assert source_of(on_vertex(signed_in=True)) is None
    assert source_of(on_vertex(extra_headers=(("Authorization", "Bearer x"),))) is None
    assert "PRIVATE KEY" not in repr(of(text))


async def test_a_service_account_signs_for_its_token(upstream, private_key):
    """The signed request names account and scope; the token comes back with its end."""
    answers(upstream, "token-1")
    token, ends = await access_token(of(key_file(upstream, private_key)))
    assert token.reveal() == "token-1"
    assert 3500 < ends - time.time() < 3601
    form = parse_qs(upstream.requests[0].body.decode())
    public = private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = jwt.decode(form["assertion"][0], certs=public, audience="https://oauth2.googleapis.com/token")
    assert (claims["iss"], claims["scope"]) == ("robot@p.example", SCOPE)


async def test_a_target_gets_the_token(upstream, private_key):
    """A target with a key file goes out with a bearer token and never with the file; others are left as they are."""
    answers(upstream, "token-1")
    ready = await with_token(on_vertex(key_file(upstream, private_key)))
    assert ready.own_headers() == {"authorization": "Bearer token-1"}
    plain = on_vertex("ya29.token")
    assert await with_token(plain) is plain


async def test_a_token_is_kept_until_five_minutes_before_its_end(upstream, private_key, monkeypatch):
    """One call serves all; the last five minutes renew it while the old one is still used."""
    answers(upstream, "token-1", "token-2")
    text = key_file(upstream, private_key)
    assert [(await access_token(of(text)))[0].reveal() for _ in range(3)] == ["token-1"] * 3
    assert len(upstream.requests) == 1
    real = time.monotonic()
    monkeypatch.setattr("providers.google_adc.monotonic", lambda: real + 3302)
    assert (await access_token(of(text)))[0].reveal() == "token-1"
    assert upstream.wait_for(lambda up: len(up.requests) == 2)
    await eventually(of(text), "token-2")


async def eventually(source, wanted):
    for _ in range(500):
        if (await access_token(source))[0].reveal() == wanted:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"never {wanted}")


async def test_an_ended_token_is_not_used(upstream, private_key, monkeypatch):
    """By either clock: the one that nobody sets, and the system's."""
    answers(upstream, "token-1", "token-2", "token-3")
    source = of(key_file(upstream, private_key))
    await access_token(source)
    now, age = time.time(), time.monotonic()
    with monkeypatch.context() as later:
        later.setattr("providers.google_adc.unix_time", lambda: now + 3700)
        assert (await access_token(source))[0].reveal() == "token-2"
    google_adc.forget()
    with monkeypatch.context() as later:
        later.setattr("providers.google_adc.monotonic", lambda: age + 3700)
        assert (await access_token(source))[0].reveal() == "token-3"


async def test_many_requests_are_one_renewal(upstream, private_key, monkeypatch):
    """Sixty requests at once, and some from another thread's loop, make one call; who leaves harms nobody."""
    hold = threading.Event()
    real = google_adc._renewed

    def held(*args):
        hold.wait(10)
        return real(*args)

    monkeypatch.setattr(google_adc, "_renewed", held)
    answers(upstream, "token-1")
    source = of(key_file(upstream, private_key))
    elsewhere = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(access_token(source))))
    waiting = [asyncio.create_task(access_token(source)) for _ in range(60)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0.05)
    hold.set()
    told = await asyncio.gather(*waiting[1:], elsewhere)
    assert {token.reveal() for token, _ in told} == {"token-1"}
    assert len(upstream.requests) == 1


async def test_a_refused_token_is_replaced_once(upstream, private_key):
    """After a 401 all who were refused the same token get the next one, by one renewal; other secrets have none."""
    answers(upstream, "token-1", "token-2")
    target = on_vertex(key_file(upstream, private_key))
    refused = await with_token(target)
    fresh = await asyncio.gather(*(google_adc.renewed(refused) for _ in range(5)))
    assert {other.secret.reveal() for other in fresh} == {"token-2"}
    assert (await with_token(target)).secret.reveal() == "token-2"
    assert len(upstream.requests) == 2
    assert await google_adc.renewed(on_vertex("ya29.token")) is None


async def test_a_refused_token_may_be_all_there_is(upstream, private_key):
    """No other token, or the same one again, is told as none."""
    answers(upstream, "token-1", "token-1")
    target = await with_token(on_vertex(key_file(upstream, private_key)))
    assert await google_adc.renewed(target) is None
    refuses(upstream)
    assert await google_adc.renewed(target) is None
    assert len(upstream.requests) == 3


async def test_sources_do_not_share_tokens(upstream, private_key):
    """Two key files have a token each, and the same file read again has the same one."""
    answers(upstream, "token-1", "token-2")
    one, two = (key_file(upstream, private_key, client_email=f"{name}@p.example") for name in "ab")
    assert (await access_token(of(one)))[0].reveal() == "token-1"
    assert (await access_token(of(two)))[0].reveal() == "token-2"
    assert (await access_token(of(one)))[0].reveal() == "token-1"


async def test_a_users_file_is_renewed_by_its_refresh_token(upstream, monkeypatch):
    """What `gcloud auth application-default login` leaves works as a key too."""
    monkeypatch.setattr(google_credentials, "_GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{upstream.url}/play")
    answers(upstream, "token-1")
    assert (await access_token(of(user_file())))[0].reveal() == "token-1"
    assert parse_qs(upstream.requests[0].body.decode())["refresh_token"] == [REFRESH]


@pytest.mark.parametrize("where", ["variable", "gcloud"])
async def test_default_credentials_are_found(upstream, private_key, monkeypatch, machine, where):
    """The file that GOOGLE_APPLICATION_CREDENTIALS names, and the one where gcloud keeps its own."""
    path = machine / ("application_default_credentials.json" if where == "gcloud" else "key.json")
    path.write_text(key_file(upstream, private_key))
    if where == "variable":
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    answers(upstream, "token-1")
    assert (await with_token(on_vertex())).secret.reveal() == "token-1"


async def test_without_credentials_the_fix_is_named():
    """Nothing is found on this machine: what can be done is told, at once and not looked for again so soon."""
    failure = await failure_of(DEFAULT)
    assert failure.kind is FailureKind.REFUSED_KEY
    assert "gcloud auth application-default login" in failure.message and "set a key" in failure.message
    assert await failure_of(DEFAULT) == failure


async def test_a_named_file_that_is_missing_is_told(monkeypatch, machine):
    """The variable names a file that is not there, or is no key file."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(machine / "gone.json"))
    assert "gone.json" in (await failure_of(DEFAULT)).message
    google_adc.forget()
    (machine / "gone.json").write_text("{}")
    assert "not usable" in (await failure_of(DEFAULT)).message


async def test_without_google_auth_the_extra_is_named(monkeypatch):
    """The dependency is optional: who needs it is told how to install it."""
    monkeypatch.setitem(sys.modules, "google.auth", None)
    failure = await failure_of(DEFAULT)
    assert (failure.kind, "pip install 'ccm-django[vertex]'" in failure.message) == (FailureKind.REFUSED_KEY, True)


@pytest.mark.parametrize(
    "text",
    ["{", "{}", '{"type": "external_account", "credential_source": {"executable": {"command": "id"}}}', '{"type": 1}',
     '{"type": "service_account"}', '{"type": "authorized_user"}', "{\"type\": \"service_account\"}\ud800"],
)  # fmt: skip
async def test_a_key_that_is_no_key_file_is_told(text):
    """Half a file, another kind, or one whose commands would be run: nothing is called, and the fix is named."""
    failure = await failure_of(of(text))
    assert failure.kind is FailureKind.REFUSED_KEY
    assert "paste" in failure.message or "set them anew" in failure.message


async def test_a_broken_private_key_is_not_quoted(upstream, private_key):
    """A key that cannot be read is told without its text."""
    broken = pem(private_key)[:300]
    text = json.dumps(json.loads(key_file(upstream, private_key)) | {"private_key": broken})
    failure = await failure_of(of(text))
    assert failure.kind is FailureKind.REFUSED_KEY
    assert broken[60:80] not in failure.message
    assert not upstream.requests


async def test_a_refusal_is_final_and_scrubbed(upstream, monkeypatch):
    """Revoked credentials are refused ones, told in Google's words without the secrets they may quote."""
    monkeypatch.setattr(google_credentials, "_GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{upstream.url}/play")
    refuses(upstream, words=f"Token {REFRESH} has been revoked.")
    failure = await failure_of(of(user_file()))
    assert failure.kind is FailureKind.REFUSED_KEY
    assert "has been revoked" in failure.message and REFRESH not in failure.message


async def test_trouble_is_not_a_refusal(upstream, private_key, monkeypatch):
    """A token server that fails, is not there, or talks nonsense is told as such."""
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda seconds: None)
    refuses(upstream, 503, "unavailable", "try later", times=10)
    trouble = await failure_of(of(key_file(upstream, private_key)))
    assert trouble.kind is FailureKind.OVERLOADED
    gone = await failure_of(of(key_file(upstream, private_key, token_uri="http://127.0.0.1:9/token")))
    assert gone.kind is FailureKind.UNREACHABLE and "127.0.0.1" not in gone.message
    upstream.plays.clear()
    upstream.play(b'{"token_type": "Bearer"}', 200, "application/json")
    nonsense = await failure_of(of(key_file(upstream, private_key, client_id="3")))
    assert nonsense.kind is FailureKind.REFUSED_KEY
    page = await failure_of(of(key_file(upstream, private_key, path="html200")))
    assert page.kind is FailureKind.REFUSED_KEY and "<html" not in page.message


async def test_a_good_token_outlives_a_failed_renewal(upstream, private_key, monkeypatch):
    """In its last minutes the token is used on, and the next tries are spaced: 5 s, then 10."""
    answers(upstream, "token-1")
    source = of(key_file(upstream, private_key))
    await access_token(source)
    age = time.monotonic()
    for later, calls in ((3400, 2), (3401, 2), (3406, 3), (3412, 3), (3417, 4)):
        refuses(upstream)
        monkeypatch.setattr("providers.google_adc.monotonic", lambda later=later: age + later)
        assert (await access_token(source))[0].reveal() == "token-1"
        assert upstream.wait_for(lambda up, calls=calls: len(up.requests) == calls)
        while google_adc._TOKENS._running:
            await asyncio.sleep(0.005)
        assert len(upstream.requests) == calls
        upstream.plays.clear()


@pytest.mark.parametrize(
    ("expires_in", "seconds"), [(10**9, 86_400), (-5, 600), (0, 600), (None, 600), (120, 120), ("3600", 3600)]
)
async def test_a_lifetime_may_be_a_lie(upstream, private_key, expires_in, seconds):
    """A life that is huge, over already or not told is taken as a sensible one, and serves more than one request."""
    answers(upstream, "token-1", "token-2", expires_in=expires_in)
    source = of(key_file(upstream, private_key))
    _, ends = await access_token(source)
    assert abs(ends - time.time() - seconds) < 5
    await access_token(source)
    assert len(upstream.requests) == 1


async def test_a_server_that_hangs_is_not_waited_for(upstream, private_key, monkeypatch):
    """A request waits so long and no longer."""
    monkeypatch.setattr(google_adc, "WAIT_S", 0.1)
    monkeypatch.setattr(google_adc, "CALL_S", 0.3)
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda seconds: None)
    failure = await failure_of(of(key_file(upstream, private_key, path="hang")))
    assert failure.kind is FailureKind.TIMED_OUT


async def test_what_google_auth_did_not_foresee_keeps_nobody_waiting(upstream, private_key, monkeypatch):
    """An error of another kind ends the renewal all the same, and the thread says what it was."""
    told = []
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(args.exc_type))

    def broken(*_):
        raise AttributeError("x")

    monkeypatch.setattr(google_adc, "_renewed", broken)
    assert (await failure_of(of(key_file(upstream, private_key)))).kind is FailureKind.GARBLED
    while not told:
        await asyncio.sleep(0.005)
    assert told == [AttributeError]
