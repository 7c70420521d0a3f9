"""The local estimate of tokens: plausible, cheap, and never broken by a request's shape."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.media import IMAGE_TOKENS, PDF_PAGE_TOKENS
from providers.wire.tokens import estimate_text, estimate_tokens
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
    """Images and PDFs have their own prices, inside a tool's result too: base64 is never counted as text."""
    plain = of()
    image = {"type": "image", "source": {"type": "base64", "data": "A" * 400_000}}
    assert of(image) - plain == IMAGE_TOKENS
    assert of({"type": "tool_result", "content": [image]}) - of({"type": "tool_result", "content": []}) == IMAGE_TOKENS
    pdf = of({"type": "document", "source": {"type": "base64", "data": "A" * 250_000}})
    assert pdf - plain == 3 * PDF_PAGE_TOKENS


def test_documents_of_text_cost_their_text_and_those_elsewhere_a_page():
    """A text document is counted as its text; one that only the upstream can read costs a page."""
    words = "some more words to be counted " * 50
    text = of({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": words}})
    assert estimate_text(words) <= text - of() <= estimate_text(words) + 10
    for source in ({"type": "url", "url": "https://x.example/a.pdf"}, {"type": "file", "file_id": "file_1"}):
        assert of({"type": "document", "source": source}) - of() == PDF_PAGE_TOKENS


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
