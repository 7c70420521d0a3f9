"""The local estimate of tokens: plausible, cheap, and never broken by a request's shape."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.media import IMAGE_TOKENS, PDF_PAGE_TOKENS
from providers.wire.tokens import PARTS, TEXTS, Remembered, estimate_text, estimate_tokens
from tests.cast import request
from tests.providers.outbound.odd_bodies import odd_bodies
from tests.providers.wire.token_samples import SAMPLES


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
        ("   \n\n   ", 0, 3),
    ],
)
def test_a_text_costs_about_what_tokenizers_say(text, least, most):
    """Words, code, digits and other scripts are estimated within sensible bounds."""
    assert least <= estimate_text(text) <= most


@pytest.mark.parametrize(("text", "reference"), SAMPLES.values(), ids=list(SAMPLES))
@pytest.mark.parametrize("times", [1, 20])
def test_every_kind_of_text_is_estimated_within_a_fifth(text, reference, times):
    """Code, data, prose and other scripts cost what a tokenizer says, give or take a fifth; long texts as well."""
    assert estimate_text(text * times) == pytest.approx(reference * times, rel=0.2)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("-" * 800, 20, 120), (" " * 800, 5, 50), ("a" * 800, 60, 300), ("7" * 800, 200, 400), ("\ud800", 0, 2)],
)
def test_a_single_character_over_and_over_is_no_surprise(text, least, most):
    """Rulers, padding, endless words and half a character are estimated too."""
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


def test_a_tool_is_counted_as_the_json_it_is():
    """A tool's schema and a call's input cost about what their JSON text costs, names of members included."""
    schema = {"type": "object", "properties": {f"number_{n}": {"type": "integer", "minimum": n} for n in range(40)}}
    written = estimate_text(json.dumps(schema, separators=(",", ":")))
    tool = {"name": "T", "description": "d", "input_schema": schema}
    assert estimate_tokens(request({"tools": [tool]})) == pytest.approx(written, rel=0.2)
    call = {"type": "tool_use", "id": "t", "name": "T", "input": schema}
    assert of(call) - of() == pytest.approx(written, rel=0.2)


def test_what_was_counted_is_not_counted_again():
    """A second count of the same request reads nothing; the next turn reads only what is new."""
    system, first, second = ("some words about " + word * 400 for word in ("system ", "first ", "second "))
    turns = [{"role": "user", "content": first}, {"role": "assistant", "content": second}]
    one = request({"system": system, "messages": turns[:1]})
    counted = estimate_tokens(one)
    before = PARTS.hits, TEXTS.hits
    assert estimate_tokens(one) == counted
    assert (PARTS.hits, TEXTS.hits) == (before[0] + 2, before[1])
    assert estimate_tokens(request({"system": system, "messages": turns})) > counted
    assert (PARTS.hits, TEXTS.hits) == (before[0] + 3, before[1] + 1)


def test_memory_is_bounded():
    """The oldest counts are forgotten when there are too many; then they are counted anew."""
    memory, counted = Remembered(3), []

    def count(text):
        counted.append(text)
        return len(text)

    assert [memory.count(text, count) for text in ("a", "bb", "ccc", "bb", "dddd")] == [1, 2, 3, 2, 4]
    assert (len(memory), memory.hits) == (3, 1)
    assert memory.count("a", count) == 1
    assert counted == ["a", "bb", "ccc", "dddd", "a"]
