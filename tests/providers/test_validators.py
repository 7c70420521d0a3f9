"""What provider forms may hold, and what they refuse with a hint."""

import pytest
from django.core.exceptions import ValidationError

from providers.validators import validate_base_url, validate_headers, validate_name, validate_names, validate_wait


@pytest.mark.parametrize(
    "url",
    ["https://api.example.com/v1", "http://localhost:8080", "http://127.0.0.1:1/x", "http://[::1]:80/v1", "echo://local",
     "https://my_host.internal:65535/a/b", "http://10.0.0.5/v1", "https://a.b.c.", "http://192.168.0.1"],
)  # fmt: skip
def test_good_base_urls(url):
    """Public, private and loopback addresses over http and https are accepted."""
    validate_base_url(url)


BROKEN = [
    "http://h:99999", "http://[::1", "ftp://h/", "http://h\x00/", "http://h\ud800/", "http://", "", "//h/v1",
    "http://h:abc", "http:///v1",
]  # fmt: skip
UNSAFE = [
    "http://h:0", "http://h:-1", "javascript:alert(1)", "http://ex ample/", "http://h/\n", "http://u:p@h/", "http://u@h/",
    "http://h/?k=1", "http://h/?", "http://h/#f", "http://h/#", "http://a..b/", "http://.a/", "http://h|x/", "http://h<x/",
    "http://h%2f.evil/", "http://h;x/", "http://ｈ/", "http://h\u202e/", "http://" + "a" * 300 + "/", "echo://other",
    "http://[v1.x]/", "http://-/", "file:///etc/passwd", "HTTP//h",
]  # fmt: skip
METADATA = [
    "http://169.254.169.254/latest", "http://169.254.0.1", "http://[fe80::1]/", "http://[fe80::1%25eth0]/",
    "http://[::ffff:169.254.169.254]/", "http://[fd00:ec2::254]/", "http://metadata.google.internal/",
    "http://METADATA.google.internal./", "http://metadata/", "http://2852039166/", "http://0xA9FEA9FE/",
    "http://0251.0376.0251.0376/", "http://169.254.43518/", "http://169.254.169.254./", "http://224.0.0.1/",
]  # fmt: skip


@pytest.mark.parametrize("url", BROKEN + UNSAFE + METADATA, ids=ascii)
def test_bad_base_urls(url):
    """A base URL that cannot be called, or that a key must not travel to, is refused in words."""
    with pytest.raises(ValidationError) as caught:
        validate_base_url(url)
    assert caught.value.messages[0].startswith("The base URL")


@pytest.mark.parametrize("url", METADATA)
def test_metadata_is_told_apart(url):
    """Every spelling of a metadata address is refused for what it is."""
    with pytest.raises(ValidationError, match="link-local or metadata"):
        validate_base_url(url)


@pytest.mark.parametrize("name", ["glm-4.6", "z.ai", "My provider", "a/b:free", "é漢", "claude-opus[1m]"])
def test_good_names(name):
    """Names may hold blanks inside, letters of any script and punctuation."""
    validate_name(name)


@pytest.mark.parametrize(
    "name",
    ["", " a", "a ", "a,b", "a\n", "\ta", "a\x00b", "a\x7f", "a\u202eb", "a\u2028b", "a\ud800", "\u00a0a"],
    ids=ascii,
)
def test_bad_names(name):
    """A comma, a blank at either end, or anything unprintable is refused."""
    with pytest.raises(ValidationError):
        validate_name(name)


@pytest.mark.parametrize("headers", [{}, {"X-Title": "my proxy"}, {"HTTP-Referer": "https://a/?b=c", "x": ""}])
def test_good_headers(headers):
    """An object of header names and ASCII values is accepted."""
    validate_headers(headers)


@pytest.mark.parametrize(
    "headers",
    [[], "x: y", None, {"X A": "b"}, {"": "b"}, {"X-A\n": "b"}, {"X-A": "b\n"}, {"X-A": "b\r\nX-B: c"}, {"X-A": "é"},
     {"X-A": 1}, {"X-A": None}, {"X-A": ["b"]}, {1: "b"}, {"Host": "h"}, {"content-LENGTH": "1"}, {"Connection": "x"},
     {"Transfer-Encoding": "chunked"}, {"Accept-Encoding": "br"}, {"X:A": "b"}],
    ids=ascii,
)  # fmt: skip
def test_bad_headers(headers):
    """Anything that could break out of a header line, or steer the connection, is refused."""
    with pytest.raises(ValidationError):
        validate_headers(headers)


@pytest.mark.parametrize(("names", "good"), [
    ([], True), (["glm-4.6", "a/b"], True), ("glm-4.6", False), ([1], False), ([""], False), ([" "], False),
    (["a\nb"], False), ({"a": 1}, False), (None, False),
])  # fmt: skip
def test_model_names(names, good):
    """The models offered are a list of printable names."""
    if good:
        validate_names(names)
    else:
        with pytest.raises(ValidationError):
            validate_names(names)


@pytest.mark.parametrize("seconds", [0.1, 1, 600, 86_400])
def test_good_waits(seconds):
    """A wait is a tenth of a second to a day."""
    validate_wait(seconds)


@pytest.mark.parametrize("seconds", [0, 0.09, -1, 86_401, float("nan"), float("inf"), float("-inf")])
def test_bad_waits(seconds):
    """A wait that would always or never end is refused, with the bounds."""
    with pytest.raises(ValidationError, match=r"from 0\.1 to 86400"):
        validate_wait(seconds)
