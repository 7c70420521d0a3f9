from providers.outbound.call_headers import call_headers
from tests.cast import KEY, target


def test_the_headers_of_a_translated_call():
    """A stream is asked for as one, and the key is sent as the vendor wants it."""
    to = target(preset="openai-compatible")
    assert call_headers(to, True)["accept"] == "text/event-stream"
    assert call_headers(to, False)["accept"] == "application/json"
    assert call_headers(to, False)["authorization"] == f"Bearer {KEY}"
