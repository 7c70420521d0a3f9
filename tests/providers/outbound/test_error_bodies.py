import pytest

from providers.outbound.error_bodies import NO_REASON, error_in, error_words


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error":{"message":"a"}}', {"message": "a"}), (b'{"message":"a"}', {"message": "a"}),
        (b'[{"error":"a"}, 2]', "a"), (b"[]", "[]"), (b"<html>", "<html>"), (b"\xff", "\ufffd"), (b'"a"', '"a"'),
    ],
)  # fmt: skip
def test_the_error_of_a_body(body, error):
    """The error member, else the object, else the text: whatever came, there is something to read."""
    assert error_in(body) == error


def test_the_words_of_an_error():
    """The usual keys first, then the caller's own; what says nothing has no reason."""
    assert error_words({"message": " ", "detail": [1]}) == "[1]"
    assert error_words({"msg": "a"}, "msg") == "a"
    assert error_words({"msg": "a"}) == NO_REASON
