"""Images and documents as Gemini's parts, or refused in words the client acts on."""

from dataclasses import replace

import pytest

from providers.errors import FailureKind, UpstreamFailure
from providers.presets import Quirks
from tests.providers.outbound.gemini_cast import IMAGE, PAGES, PDF, PICTURE, PRESETS, sent, text, to, turns, user


def test_media_are_parts_or_are_refused_in_the_clients_words():
    """Bytes go inline, addresses Google fetches as files; what it cannot read is refused in words the client knows."""
    address = {"type": "url", "url": "https://h/a.PDF?x=1"}
    blocks = [
        text("see"), IMAGE, PDF, {"type": "document", "source": address},
        {"type": "image", "source": {"type": "url", "url": "https://h/I.JPG?as=webp"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpg", "data": "BB"}},
        {"type": "document", "source": {"type": "text", "data": "d"}},
        {"type": "document", "source": {"type": "content", "content": []}}, {"type": "container_upload"},
        {"type": "image", "source": {"type": "url", "url": "gs://b/image"}},
    ]  # fmt: skip
    assert turns(user(*blocks))[0]["parts"] == [
        {"text": "see"}, PICTURE, PAGES, {"fileData": {"mimeType": "application/pdf", "fileUri": address["url"]}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://h/I.JPG?as=webp"}},
        {"inlineData": {"mimeType": "image/jpeg", "data": "BB"}}, {"text": "[document]\nd"},
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/image"}},
    ]  # fmt: skip
    refused = (
        {"type": "file", "file_id": "f"}, {"type": "url", "url": "http://h/i.png"}, {"type": "url", "url": 7}, None, 7,
        {"type": "url", "url": "https://h/i.gif"}, {"type": "base64", "media_type": "image/gif", "data": "R0"},
        {"type": "base64"},
    )  # fmt: skip
    for kind in ("image", "document"):
        for source in refused:
            with pytest.raises(UpstreamFailure) as caught:
                turns(user({"type": kind, "source": source}))
            assert caught.value.failure.kind is FailureKind.INCAPABLE
            assert caught.value.failure.message == f"capability_rejected: {kind}_block"
    blind = replace(to(), preset=replace(PRESETS[""], quirks=Quirks(images=False)))
    with pytest.raises(UpstreamFailure):
        sent({"messages": [user(IMAGE)]}, target=blind)
