"""Compressed answers, whole, byte by byte, cut anywhere, and those that are meant to fill the memory."""

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire import inflate
from providers.wire.inflate import Inflater

TEXT = b"".join(b'data: {"n":%d}\n\n' % number for number in range(20_000))


def inflated(*chunks):
    inflater = Inflater()
    found = [piece for chunk in chunks for piece in inflater.feed(chunk)]
    inflater.finish()
    assert all(0 < len(piece) <= inflate.STEP for piece in found)
    return b"".join(found)


@pytest.mark.parametrize("packed", [gzip.compress(TEXT), zlib.compress(TEXT), gzip.compress(TEXT, 0)])
def test_gzip_and_deflate_are_read_in_pieces(packed):
    """Which of the two it is shows in the bytes; no piece is larger than a step."""
    assert inflated(packed) == TEXT


def test_nothing_waits_inside():
    """One byte can stand for more than a piece, and the last one for many."""
    packed = gzip.compress(bytes(1_000_000))
    assert inflated(packed) == inflated(*(packed[n : n + 1] for n in range(len(packed)))) == bytes(1_000_000)


@given(st.lists(st.binary(max_size=300), max_size=4), st.lists(st.integers(0, 400), max_size=6))
def test_members_and_cuts_make_no_difference(texts, cuts):
    """A body of several members is one text, wherever the network cuts it."""
    whole = b"".join(map(gzip.compress, texts))
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[start:end] for start, end in pairwise(places)]
    assert inflated(*pieces) == b"".join(texts) == inflated(*(whole[n : n + 1] for n in range(len(whole))))


def test_what_is_flushed_is_told_at_once():
    """A compressed stream reaches the client event by event."""
    packer, inflater = zlib.compressobj(wbits=16 + zlib.MAX_WBITS), Inflater()
    for number in range(3):
        event = b"data: %d\n\n" % number
        chunk = packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)
        assert b"".join(inflater.feed(chunk)) == event


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ([b"data: {}"], "not compressed as it says"),
        ([gzip.compress(TEXT)[:-9]], "breaks off"),
        ([gzip.compress(TEXT), b"data"], "not compressed as it says"),
        ([gzip.compress(b" " * 50_000_000)], "far larger than it looks"),
        ([gzip.compress(b" " * 1_000_000)] * 60, "far larger than it looks"),
    ],
)
def test_what_cannot_be_inflated_is_said_in_words(chunks, words):
    """Plain text, an end that is missing, and a bomb, in one piece or many."""
    with pytest.raises(ValueError, match=words):
        inflated(*chunks)


def test_an_answer_of_any_ratio_has_a_limit(monkeypatch):
    """Also one that shrinks as text does."""
    monkeypatch.setattr(inflate, "MAX_INFLATED", len(TEXT) - 1)
    with pytest.raises(ValueError, match="far larger"):
        inflated(gzip.compress(TEXT))


def test_nothing_is_an_empty_answer():
    """A head without a body, as to HEAD or with 204."""
    assert inflated() == inflated(b"") == b""
