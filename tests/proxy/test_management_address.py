"""ADDR:PORT as people type it."""

import pytest

from proxy.management.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        ("127.0.0.1:13456", Address("127.0.0.1", 13456), "127.0.0.1:13456"),
        ("8000", Address("127.0.0.1", 8000), "127.0.0.1:8000"),
        (":8000", Address("127.0.0.1", 8000), "127.0.0.1:8000"),
        ("[::1]:8000", Address("::1", 8000), "[::1]:8000"),
        ("localhost:0", Address("localhost", 0), "localhost:0"),
    ],
)
def test_an_address_is_read_and_shown_again(text, address, shown):
    """A port alone is one of this machine; an IPv6 address keeps its brackets."""
    assert parse_address(text) == address
    assert str(address) == shown


@pytest.mark.parametrize("text", ["", "here", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:²", "a:-1"])
def test_what_is_no_address_is_refused_with_the_way_to_write_one(text):
    """Also a port that no machine has."""
    with pytest.raises(ValueError, match=r"is no address: write ADDR:PORT, such as 127\.0\.0\.1:13456"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("0.0.0.0:80", "http://127.0.0.1:80"), ("[::]:80", "http://127.0.0.1:80"), ("[::1]:80", "http://[::1]:80"),
        ("10.0.0.7:8000", "http://10.0.0.7:8000"),
    ],
)  # fmt: skip
def test_where_all_addresses_are_served_a_client_here_is_sent_to_this_machine(text, url):
    """No client can call 0.0.0.0."""
    assert parse_address(text).url == url
