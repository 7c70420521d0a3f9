import pytest

from proxy.errors import ApiError
from proxy.inbound.json_body import MAX_BRACKETS, is_streamed, model_of, read_members


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b" \r\n", 400, "empty"),
        (b"\xff", 400, "UTF-8"),
        (b"[]", 400, "object"),
        (b'{"a": }', 400, "JSON"),
        (b"[" * (MAX_BRACKETS + 1), 413, "arrays"),
    ],
)
def test_a_body_that_is_no_object_is_refused(body, status, words):
    """What is no JSON object of a sane size is refused in words that name the fault."""
    with pytest.raises(ApiError) as refused:
        read_members(body)
    assert refused.value.status == status
    assert words in refused.value.message


def test_members_keep_their_bytes():
    """Each member is the text it was written with."""
    assert read_members(b'{"a": [1.0, 2e3], "b":"\\u00e9"}') == {"a": b"[1.0, 2e3]", "b": b'"\\u00e9"'}


@pytest.mark.parametrize("raw", [None, b"null", b'""', b'" "', b"7", b"[]"])
def test_a_request_names_its_model(raw):
    """A model that is absent, blank or no string is refused."""
    with pytest.raises(ApiError, match="model"):
        model_of({} if raw is None else {"model": raw})
    assert model_of({"model": b'"a\\u0062"'}) == "ab"


def test_stream_is_true_or_false():
    """`stream` may be absent or null, which means no; anything but a boolean is refused."""
    assert is_streamed({"stream": b"true"})
    assert not any(is_streamed(members) for members in ({}, {"stream": b"null"}, {"stream": b"false"}))
    with pytest.raises(ApiError, match="stream"):
        is_streamed({"stream": b'"yes"'})
