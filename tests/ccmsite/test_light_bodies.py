"""The light handler by itself, as any ASGI server would call it."""

import json

import pytest

from ccmsite.light import CHECK_FIRST_BYTES, LightHandler
from proxy import logbook, snapshot
from proxy.config import ConfigSnapshot

PIECE = b"x" * 65_536


@pytest.fixture
def configured(settings, monkeypatch):
    settings.CCM_REQUIRE_CLIENT_KEY = "auto"
    monkeypatch.setattr(snapshot, "_current", ConfigSnapshot())
    monkeypatch.setattr(snapshot, "_watcher", None)  # one that another test began says nothing of this one
    monkeypatch.setattr(snapshot, "_trouble", "")
    monkeypatch.setattr(logbook.LOGBOOK, "put_nowait", lambda record: None)
    monkeypatch.setattr(logbook.LOGBOOK, "begin", lambda record: None)


async def answer_to(pieces, *headers, client="192.0.2.7", host=b"localhost", path="/v1/messages"):
    """Status, JSON, and how many of the body's pieces were read before the answer."""
    sent, read = [], 0

    async def receive():
        nonlocal read
        read += 1
        if read > len(pieces):
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": pieces[read - 1], "more_body": read < len(pieces)}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "query_string": b"", "client": (client, 1),
        "headers": [(b"host", host), *headers],
    }  # fmt: skip
    await LightHandler(fallback=None)(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"]), read


@pytest.mark.parametrize("announced", [True, False])
async def test_a_large_body_is_not_read_without_a_key(configured, announced):
    """A client that needs a key and shows none is refused at once, or a little way into a chunked body."""
    headers = [(b"content-length", b"%d" % (100 * len(PIECE)))] if announced else []
    status, told, read = await answer_to([PIECE] * 100, *headers)
    assert (status, told["error"]["type"]) == (401, "authentication_error")
    assert read <= (0 if announced else CHECK_FIRST_BYTES // len(PIECE) + 1)


async def test_a_large_body_is_read_for_a_client_that_may(configured):
    """A client on this machine needs no key: its body is read to the end and judged as a request."""
    status, told, read = await answer_to([PIECE] * 10, client="127.0.0.1")
    assert (status, told["error"]["type"]) == (400, "invalid_request_error")
    assert read >= 10


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_the_cap_is_a_413(configured, settings, announced):
    """The cap holds on any server, announced or chunked."""
    settings.CCM_MAX_BODY_BYTES = 3 * len(PIECE)
    headers = [(b"content-length", b"9999999")] if announced else []
    status, told, read = await answer_to([PIECE] * 100, *headers, client="127.0.0.1")
    assert (status, told["error"]["type"]) == (413, "request_too_large")
    assert read <= (0 if announced else 4)


async def test_a_content_length_that_is_no_number_announces_nothing(configured):
    """The server in front judges it; here the body itself is what counts."""
    status, _, read = await answer_to([b"{}"], (b"content-length", b"-1"), client="127.0.0.1")
    assert (status, read >= 1) == (400, True)


@pytest.mark.parametrize("path", ["/admin/", "/v1/messages", "/"])
async def test_a_foreign_host_is_told_so_in_the_envelope(configured, path):
    """Also where Django would answer with a page; the words name the setting."""
    status, told, _ = await answer_to([b"{}"], host=b"evil.example", path=path)
    assert (status, told["error"]["type"]) == (400, "invalid_request_error")
    assert "ALLOWED_HOSTS" in told["error"]["message"]
