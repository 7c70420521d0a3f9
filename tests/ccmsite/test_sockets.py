"""Which pages may open a WebSocket."""

import pytest

from ccmsite.sockets import same_origin


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://localhost:13456", "localhost:13456", True),
        ("https://ccm.example", "ccm.example", True),
        ("http://localhost:3000", "localhost:13456", False),
        ("http://localhost", "localhost:13456", False),
        ("null", "localhost:13456", False),
        ("", "localhost:13456", False),
        ("file://localhost:13456", "localhost:13456", False),
        ("http://localhost:13456@evil.example", "localhost:13456", False),
        ("http://evil.example/localhost:13456", "localhost:13456", False),
    ],
)
def test_only_pages_of_the_same_origin(origin, host, allowed):
    """Scheme, host and port must be those of the address that is called."""
    assert same_origin({"origin": origin, "host": host}) == allowed


def test_an_origin_the_operator_trusts(settings):
    """Behind a proxy that changes the Host header the public address is named in CSRF_TRUSTED_ORIGINS."""
    settings.CSRF_TRUSTED_ORIGINS = ["https://ccm.example"]
    assert same_origin({"origin": "https://ccm.example", "host": "127.0.0.1:13456"})
    assert not same_origin({"origin": "https://other.example", "host": "127.0.0.1:13456"})


def test_no_origin_is_not_trusted(settings):
    """A list with an empty entry opens nothing."""
    settings.CSRF_TRUSTED_ORIGINS = []
    assert not same_origin({"host": "127.0.0.1:13456"})
