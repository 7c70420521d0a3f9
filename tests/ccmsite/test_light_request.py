"""The light handler's request: Django's own, read no further than the view asks."""

import copy

import pytest
from django.core.handlers.asgi import ASGIRequest

from ccmsite.light import LightRequest

SCOPE = {
    "type": "http", "method": "post", "path": "/v1/messages", "query_string": b"beta=true&x=%C3%A9",
    "headers": [(b"content-type", b"application/json; charset=utf-8"), (b"x-one", b"1"), (b"cookie", b"a=b")],
    "client": ["192.0.2.1", 5], "server": ["127.0.0.1", 80],
}  # fmt: skip


def test_it_answers_like_djangos_request():
    """Method, path, query, body, headers, META, cookies and content type are the same."""
    ours, django = LightRequest(SCOPE, b"{}"), ASGIRequest(SCOPE, None)
    assert (ours.method, ours.path, ours.body) == ("POST", "/v1/messages", b"{}")
    for name in ("GET", "path_info", "META", "COOKIES", "content_type", "content_params", "encoding", "scheme"):
        assert getattr(ours, name) == getattr(django, name), name
    assert ours.headers["x-one"] == "1"
    assert ours.read() == b"{}"


def test_nothing_of_the_headers_is_read_unasked():
    """A view that asks for method, query and body pays for no more."""
    request = LightRequest(SCOPE, b"{}")
    assert (request.method, request.GET["beta"], request.body) == ("POST", "true", b"{}")
    assert "META" not in vars(request)


def test_what_no_request_has_it_has_not():
    """An unknown attribute is an AttributeError, in a copy too."""
    request = copy.copy(LightRequest(SCOPE, b"{}"))
    assert request.path == "/v1/messages"
    with pytest.raises(AttributeError):
        _ = request.nonsense


def test_a_query_that_is_no_text_is_an_error_of_the_client():
    """Bytes that are not UTF-8 raise what the handler answers with 400."""
    with pytest.raises(UnicodeError):
        _ = LightRequest({**SCOPE, "query_string": b"a=\xff"}, b"").GET
