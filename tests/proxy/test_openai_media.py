"""Texts, images and files of OpenAI's dialects, apart from how each dialect writes them."""

import pytest

from proxy.errors import ApiError
from proxy.inbound.openai_media import content_blocks, file_block, image_block, text_blocks


@pytest.mark.parametrize("text", ["", " \n", None, 7, ["x"]])
def test_blank_text_is_none(text):
    """Anthropic refuses a text without a word in it."""
    assert text_blocks(text) == []


def test_content_is_read_part_by_part():
    """The reader of parts learns where each stands; a mark for the cache goes to the last block of its part."""
    places = []

    def made_of(part, where):
        places.append(where)
        return [{"type": "a"}, {"type": "b"}] if part else []

    mark = {"type": "ephemeral"}
    blocks = content_blocks([{"cache_control": mark}, {}, 7, "loose"], "x", made_of)
    assert blocks == [{"type": "a"}, {"type": "b", "cache_control": mark}, {"type": "text", "text": "loose"}]
    assert places == ["x[0]", "x[1]"]
    assert content_blocks(None, "x", made_of) == []


def test_the_member_at_fault_is_named():
    """Errors name the dialect's own member."""
    for read in (lambda: image_block(None, "picture", "x"), lambda: file_block({}, "picture", "x")):
        with pytest.raises(ApiError, match=r"x: picture is required"):
            read()
