"""The upstream client, against a server that answers and misbehaves on a real socket."""

import asyncio
import datetime
import ipaddress
import json
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from providers import client
from providers.errors import FailureKind, UpstreamFailure
from providers.targets import Timeouts, UpstreamRequest
from tests.cast import KEY
from tests.upstream import ScriptedUpstream

LIMIT = 1_000_000
SOON = Timeouts(0.3, 0.3, 0.3, 0.3)


@pytest.fixture
def upstream():
    with ScriptedUpstream() as server:
        yield server


@pytest.fixture(autouse=True)
async def closed_afterwards():
    yield
    await client.close()


def asked(url, body=None, **headers):
    return UpstreamRequest("POST", url, {"x-api-key": KEY, **headers}, json.dumps(body or {"model": "m"}).encode())


def at(upstream, fault, **body):
    return asked(f"{upstream.url}/{fault}/v1/messages", {"model": "m", **body})


async def whole(request, timeouts=SOON, limit=LIMIT):
    async with client.send(request, timeouts) as response:
        return response.status, await response.read(limit)


async def failure_of(request, timeouts=SOON, limit=LIMIT):
    with pytest.raises(UpstreamFailure) as caught:
        await whole(request, timeouts, limit)
    assert KEY not in repr(caught.value.failure)
    return caught.value.failure


async def test_an_answer_has_its_status_its_headers_and_its_body(upstream):
    """What was asked arrives as it was built; header names of the answer are in lower case."""
    request = at(upstream, "status/429/retry-after/7")
    async with client.send(request, SOON) as response:
        assert response.status == 429
        assert response.headers["retry-after"] == "7"
        assert list(response.headers) == [name.lower() for name in response.headers]
        assert json.loads(await response.read(LIMIT))["error"]["message"] == "scripted 429"
    [received] = upstream.requests
    assert (received.method, received.body) == ("POST", request.body)
    assert received.headers["x-api-key"] == KEY


async def test_pieces_are_handed_on_as_they_come(upstream):
    """The first bytes of a stream are there while the upstream is still silent about the rest."""
    async with client.send(at(upstream, "silent/60", stream=True), SOON) as response:
        seen = b""
        async for chunk in response.chunks():
            seen += chunk
            if b"Hel" in seen:
                break
    assert b"message_stop" not in seen


async def test_leaving_the_block_early_cuts_the_call(upstream):
    """An answer that nobody reads to its end costs the upstream no more than the block."""
    async with client.send(at(upstream, "flood", stream=True), SOON) as response:
        assert response.status == 200
    assert await asyncio.to_thread(upstream.wait_aborted)


async def test_a_cancelled_call_is_cut_before_its_head(upstream):
    """Cancelling while no answer has begun ends the connection too."""
    task = asyncio.create_task(whole(at(upstream, "hang")))
    assert await asyncio.to_thread(upstream.wait_for, lambda up: up.requests)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(upstream.wait_aborted)


async def test_a_redirect_is_an_answer_and_is_not_followed(upstream):
    """The key never travels to where a Location header points."""
    assert (await whole(at(upstream, "redirect")))[0] == 307
    assert len(upstream.requests) == 1


async def test_proxy_variables_mean_nothing(upstream, monkeypatch):
    """A proxy named in the environment is not used: it would see the keys."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await whole(at(upstream, "ok")))[0] == 200


@pytest.mark.parametrize("stream", [True, False])
async def test_a_compressed_answer_is_read_all_the_same(upstream, stream):
    """Some gateways compress whatever they are asked."""
    plain = await whole(at(upstream, "ok", stream=stream), limit=LIMIT)
    assert await whole(at(upstream, "packed/gzip", stream=stream), limit=LIMIT) == plain


@pytest.mark.parametrize(
    ("fault", "words"),
    [("bomb", "far larger than it looks"), ("packed/br", "compressed as 'br'"), ("packed/gzip/cut", "breaks off")],
)
async def test_what_cannot_be_inflated_is_garbled(upstream, fault, words):
    """A small answer cannot become a huge one in memory; the failure says what was wrong."""
    failure = await failure_of(at(upstream, fault), limit=1 << 30)
    assert (failure.kind, failure.status) == (FailureKind.GARBLED, 200)
    assert words in failure.message


async def test_a_body_beyond_the_limit_is_garbled(upstream):
    """Reading stops at the limit, and the failure names it."""
    failure = await failure_of(at(upstream, "flood", stream=True), limit=10_000)
    assert (failure.kind, failure.status) == (FailureKind.GARBLED, 200)
    assert "10000 bytes" in failure.message


@pytest.mark.parametrize("fault", ["rst", "close", "nothttp", "hdr200k"])
async def test_no_answer_at_all_is_unreachable(upstream, fault):
    """A connection that ends, or is no HTTP, before a head was read is a failure of the connection."""
    failure = await failure_of(at(upstream, fault))
    assert (failure.kind, failure.status) == (FailureKind.UNREACHABLE, 0)
    assert failure.message.startswith("no connection: ")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", ["cut0", "cutstart", "cuttool", "cutlen"])
async def test_a_body_that_breaks_off_is_told_while_it_is_read(upstream, fault, stream):
    """A torn body is never taken for a whole one."""
    failure = await failure_of(at(upstream, fault, stream=stream))
    assert failure.kind is FailureKind.UNREACHABLE
    assert failure.message.startswith("the connection broke off: ")


async def test_a_reset_that_overtakes_the_head_is_a_failure_too(upstream):
    """A reset may be noticed before or after the head: the kind is the same."""
    assert (await failure_of(at(upstream, "cutrst", stream=True))).kind is FailureKind.UNREACHABLE


async def test_a_refused_connection_is_told_in_words():
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    failure = await failure_of(asked(f"http://127.0.0.1:{port}/v1/messages"))
    assert failure.kind is FailureKind.UNREACHABLE
    assert failure.message == "no connection: Connection refused"


async def test_a_server_that_does_not_take_the_connection_is_timed_out():
    """The connect limit counts while the listen queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        failure = await failure_of(asked(f"http://127.0.0.1:{listener.getsockname()[1]}/v1/messages"))
        for filler in fillers:
            filler.close()
    assert (failure.kind, failure.message) == (FailureKind.TIMED_OUT, "no connection: timed out")


async def test_a_name_that_does_not_resolve_is_told_in_words(monkeypatch):
    """The failure says that it is the name."""

    def unknown(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    failure = await failure_of(asked("http://upstream.invalid/v1/messages"))
    assert failure.kind is FailureKind.UNREACHABLE
    assert failure.message == "no connection: the host name does not resolve"


async def test_a_certificate_nobody_signed_is_refused(tmp_path):
    """The key is not sent to a server that cannot prove its name."""
    heard = []

    async def hear(reader, writer):
        heard.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=self_signed(tmp_path))
    async with server:
        port = server.sockets[0].getsockname()[1]
        failure = await failure_of(asked(f"https://127.0.0.1:{port}/v1/messages"), Timeouts(5, 5, 5, 5))
    assert failure.kind is FailureKind.UNREACHABLE
    assert failure.message == "no connection: the TLS certificate or handshake failed"
    assert heard in ([], [b""])


def self_signed(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = tmp_path / "server.pem"
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize(
    "request_",
    [
        asked("http://[nonsense/v1/messages"),
        asked("http://127.0.0.1:99999999/v1/messages"),
        asked("gopher://127.0.0.1/v1/messages"),
        asked("/v1/messages"),
        asked("http://127.0.0.1:9/v1/messages", bad=f"{KEY}\nx"),
        asked("http://127.0.0.1:9/v1/messages", bad=f"{KEY}é"),
    ],
)
async def test_an_address_or_header_that_cannot_be_sent_is_a_failure_without_its_text(request_):
    """Whatever the builders of addresses and headers refuse is unreachable, and its words hold no key."""
    assert (await failure_of(request_)).kind is FailureKind.UNREACHABLE


async def test_a_connection_is_used_again_and_close_ends_it(upstream):
    """Calls of one event loop share a client; after `close` the next call starts afresh."""
    for _ in range(3):
        assert (await whole(at(upstream, "ok")))[0] == 200
    assert upstream.connections == 1
    await client.close()
    await client.close()
    assert (await whole(at(upstream, "ok")))[0] == 200
    assert upstream.connections == 2


async def test_each_event_loop_has_a_client_of_its_own(upstream):
    """Another thread's loop neither uses nor closes this loop's connections."""

    async def elsewhere():
        answer = await whole(at(upstream, "ok"))
        await client.close()
        return answer[0]

    await whole(at(upstream, "ok"))
    assert await asyncio.to_thread(asyncio.run, elsewhere()) == 200
    await whole(at(upstream, "ok"))
    assert upstream.connections == 2


async def test_the_echo_address_is_answered_here():
    """The echo provider needs no connection."""
    question = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    status, body = await whole(asked("echo://local/v1/messages", question))
    assert (status, json.loads(body)["content"]) == (200, [{"type": "text", "text": "echo: hi"}])
