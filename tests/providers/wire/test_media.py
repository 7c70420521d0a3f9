"""What images and documents cost: dimensions from the first bytes of each format, prices within their bounds."""

import struct
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.media import (
    IMAGE_TOKENS,
    MAX_IMAGE_TOKENS,
    MAX_PDF_PAGES,
    PDF_PAGE_TOKENS,
    dimensions,
    image_tokens,
    pdf_tokens,
)


def png(width, height):
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x06\0\0\0"


def gif(width, height):
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(20)


def jpeg(width, height, metadata=16, frame=0xC2):
    app = b"\xff\xe1" + struct.pack(">H", metadata) + bytes(metadata - 2)
    tables = b"\xff\xff\xdb" + struct.pack(">H", 67) + bytes(65) + b"\xff\xc4" + struct.pack(">H", 20) + bytes(18)
    return b"\xff\xd8" + app + tables + bytes([0xFF, frame]) + struct.pack(">HBHH", 17, 8, height, width) + bytes(9)


def webp(kind, payload):
    return b"RIFF" + struct.pack("<I", 99) + b"WEBP" + kind + struct.pack("<I", 50) + payload + bytes(20)


def lossy(width, height):
    return webp(b"VP8 ", b"\x30\x01\0\x9d\x01\x2a" + struct.pack("<HH", width | 0x4000, height))


def lossless(width, height):
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14))


def extended(width, height):
    return webp(b"VP8X", bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"))


def block(data):
    return {"type": "image", "source": {"type": "base64", "data": b64encode(data).decode()}}


FORMATS = [png, gif, jpeg, lossy, lossless, extended]


@pytest.mark.parametrize("made", FORMATS)
def test_the_dimensions_stand_in_the_first_bytes(made):
    """Width and height are read from each format, without the rest of the file."""
    assert dimensions(b64encode(made(1200, 630)).decode() + "A" * 1000) == (1200, 630)


def test_a_jpeg_tells_its_size_after_its_metadata():
    """A full segment of Exif data is passed over; when more stands before the size, it stays unknown."""
    assert dimensions(b64encode(jpeg(640, 480, metadata=65_000)).decode()) == (640, 480)
    far = jpeg(640, 480, metadata=65_000)
    assert dimensions(b64encode(far[:65_004] + far[2:]).decode()) is None
    assert dimensions(b64encode(b"\xff\xd8\x00\x00").decode()) is None


@pytest.mark.parametrize(
    ("size", "tokens"),
    [((200, 200), 53), ((1000, 1000), 1333), ((1092, 1092), 1589), ((8000, 8000), MAX_IMAGE_TOKENS), ((1, 1), 1),
     ((3136, 784), 819), ((20_000, 10), 1)],
)  # fmt: skip
def test_an_image_costs_by_its_area(size, tokens):
    """A token is 750 pixels of what is left after the scaling down of long edges, and a large image has a limit."""
    assert image_tokens(block(png(*size))) == tokens


@pytest.mark.parametrize(
    "odd",
    [
        {}, {"source": None}, {"source": {"type": "url", "url": "https://x.example/a.png"}},
        {"source": {"type": "base64"}}, {"source": {"type": "base64", "data": 7}}, block(b"BM plain"), block(b""),
        block(png(9, 9)[:20]), block(jpeg(9, 9)[:12]), block(jpeg(9, 9)[:-14]), block(webp(b"ALPH", b"")),
        block(png(0, 5)), {"source": {"type": "base64", "data": "\u00e9"}},
        {"source": {"type": "base64", "data": "/9j/x"}},
    ],
)  # fmt: skip
def test_an_image_of_unknown_size_has_a_fixed_price(odd):
    """What is elsewhere, cut short, of another format or no base64 at all costs the fixed price."""
    assert image_tokens(odd) == IMAGE_TOKENS


@given(st.sampled_from(FORMATS), st.binary(max_size=60), st.integers(0, 60))
def test_no_bytes_break_the_reading(made, noise, keep):
    """Any beginning with any bytes after it has a price within the bounds."""
    assert 1 <= image_tokens(block(made(700, 500)[:keep] + noise)) <= MAX_IMAGE_TOKENS


def test_a_pdf_costs_by_its_length_up_to_a_limit():
    """Pages are told by the size of the file; a huge one does not fill every window."""
    assert pdf_tokens(10) == PDF_PAGE_TOKENS
    assert pdf_tokens(250_000) == 3 * PDF_PAGE_TOKENS
    assert pdf_tokens(10**9) == MAX_PDF_PAGES * PDF_PAGE_TOKENS
