"""The local estimate of tokens: plausible, cheap, and never broken by a request's shape."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.tokens import IMAGE_TOKENS, PDF_PAGE_TOKENS, estimate_text, estimate_tokens
from tests.cast import request
from tests.providers.outbound.odd_bodies import odd_bodies


def of(*blocks):
    return estimate_tokens(request({"messages": [{"role": "user", "content": list(blocks)}]}))


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        ("hello", 1, 1),
        ("The quick brown fox jumps over the lazy dog.", 9, 12),
        ("def add(a, b):\n    return a + b\n", 8, 16),
        ("1234567890", 3, 5),
        ("漢字仮名交じり文", 6, 10),
        ("   \n\n   ", 0, 2),
    ],
)
def test_a_text_costs_about_what_tokenizers_say(text, least, most):
    """Words, code, digits and other scripts are estimated within sensible bounds."""
    assert least <= estimate_text(text) <= most


def test_media_cost_by_size_not_by_their_letters():
    """An image has a fixed price and a PDF one per page of data: base64 is never counted as text."""
    plain = of()
    image = of({"type": "image", "source": {"type": "base64", "data": "A" * 400_000}})
    assert image - plain == IMAGE_TOKENS
    pdf = of({"type": "document", "source": {"type": "base64", "data": "A" * 250_000}})
    assert pdf - plain == 3 * PDF_PAGE_TOKENS


def test_system_tools_and_messages_all_count():
    """Each part of a request adds; cache marks and ids add nothing."""
    words = "some more words to be counted"
    plain = estimate_tokens(request())
    for more in ({"system": words}, {"tools": [{"name": "T", "description": words, "input_schema": {}}]}):
        assert estimate_tokens(request(more)) >= plain + estimate_text(words)
    assert estimate_tokens(request({"metadata": words})) == plain
    block = {"type": "text", "text": words}
    assert of(block) == of({**block, "cache_control": {"type": "ephemeral"}, "id": "x" * 99})


@pytest.mark.parametrize("depth", [100, 400, 900, 5000])
def test_deep_nesting_is_estimated_without_a_stack(depth):
    """A request nested as deep as JSON allows gets an estimate, not a crash."""
    plain = request()
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    assert estimate_tokens(replace(plain, members={**plain.members, "tools": b"[" + deep + b"]"})) > 50


@given(odd_bodies | st.just({"messages": []}))
def test_no_shape_breaks_the_estimate(body):
    """Any accepted request has at least one token."""
    assert estimate_tokens(request(body)) >= 1
