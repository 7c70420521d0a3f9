"""What is not HTTP, or not for us, is told so in the envelope, and the connection ends."""

import json

import pytest
from test_server import ask, read_all, serving

pytestmark = pytest.mark.server
POST = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nx-api-key: k\r\n"


@pytest.fixture(scope="module")
def served():
    with serving("ours") as one:
        yield one


def refusal(served, request):
    """The status and the error of the one answer that ends the connection."""
    with served.connect() as client:
        client.sendall(request)
        received, ended = read_all(client)
    assert ended and received.count(b"HTTP/1.1 ") == 1, received
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower() and b"request-id: req_" in head.lower()
    assert b"connection: close" in head.lower()
    told = json.loads(body)
    assert told["type"] == "error" and told["error"]["type"] == "invalid_request_error"
    return int(head.split()[1]), told["error"]["message"]


@pytest.mark.parametrize(
    "request_line",
    [
        b"NONSENSE", b"GET /", b"GET  / HTTP/1.1", b"GET / HTTP/3.0", b"G@T / HTTP/1.1", b"PRI * HTTP/2.0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ],
)  # fmt: skip
def test_a_bad_request_line_is_a_400(served, request_line):
    """No answer of Twisted's without a body, no page."""
    assert refusal(served, request_line + b"\r\nHost: localhost\r\n\r\n")[0] == 400


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: ten\r\n", b"Content-Length: -1\r\n", b"Content-Length: 1\r\nContent-Length: 2\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: gzip\r\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("more", [b"", b"x-more: 1\r\n"])
def test_a_body_of_unclear_length_is_a_400(served, headers, more):
    """Two readings of one request are how requests are smuggled: the words say what to send instead."""
    status, words = refusal(served, POST + headers + more + b"\r\nhello")
    assert status == 400 and "content-length" in words


@pytest.mark.parametrize("headers", [b"no colon\r\n", b"bad name: 1\r\n", b"x: a\x00b\r\n", b"Host: evil.example\r\n"])
@pytest.mark.parametrize("more", [b"", b"x-more: 1\r\n"])
def test_a_bad_header_is_a_400(served, headers, more):
    """Names with blanks, values with NUL, a second Host: refused wherever they stand."""
    assert refusal(served, POST + headers + more + b"\r\n")[0] == 400


@pytest.mark.parametrize("headers", [b"x: %s\r\n" % (b"y" * 20_000), b"x: y\r\n" * 600, b"x: %s" % (b"y" * 40_000)])
def test_a_head_that_is_too_large_is_a_431(served, headers):
    """One long line, many short ones, or a line without an end: the answer names the limit."""
    status, words = refusal(served, POST + headers + b"\r\n")
    assert status == 431 and "16384" in words


@pytest.mark.parametrize("chunk", [b"zz\r\nhello\r\n", b"-5\r\nhello\r\n", b"5\r\nhelloworld\r\n0\r\n\r\n"])
def test_a_bad_chunk_is_a_400(served, chunk):
    """A chunked body that cannot be read is not handed on."""
    assert refusal(served, POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)[0] == 400


def test_a_form_reaches_the_application_unparsed(served):
    """A body that claims to be a form and is none is the application's to judge."""
    with served.connect() as client:
        client.sendall(
            b"POST /form HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Type: multipart/form-data\r\nContent-Length: 5\r\n\r\nhello"
        )
        received, _ = read_all(client)
    assert received.startswith(b"HTTP/1.1 200 ") and b"bye" in received


def test_a_second_request_that_is_no_http_is_told_after_the_first_answer(served):
    """Rubbish on a connection that is in use gets its own answer once the first one is complete."""
    with served.connect() as client:
        ask(client, "/root", b"\r\nRUBBISH\r\n")
        received, ended = read_all(client)
    assert ended and received.startswith(b"HTTP/1.1 200 ") and b"bye" in received
    assert received.count(b"HTTP/1.1 400 ") == 1
