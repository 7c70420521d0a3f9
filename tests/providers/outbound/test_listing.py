"""Lists of models: where each format asks for them, and what is taken from the answers."""

import json
from dataclasses import replace

import pytest

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.anthropic_messages import ANTHROPIC_MESSAGES
from providers.outbound.formats import OUTBOUND
from providers.outbound.listing import MAX_NAMES
from providers.presets import PRESETS
from tests.cast import KEY, target

OPENAI_STYLE = ("anthropic_messages", "openai_chat", "openai_responses")


def asked(preset, base_url="https://x", **changes):
    changed = replace(PRESETS[preset], **changes)
    return OUTBOUND[changed.wire_format].models_request(replace(target(base_url=base_url), preset=changed))


@pytest.mark.parametrize(
    ("preset", "base_url", "url", "signed"),
    [
        ("anthropic", "https://x", "https://x/v1/models?limit=1000", {"x-api-key": KEY}),
        ("z.ai", "https://x/api/v1", "https://x/api/v1/models?limit=1000", {"anthropic-version": "2023-06-01"}),
        ("openai", "https://x/v1", "https://x/v1/models", {"authorization": f"Bearer {KEY}"}),
        ("openrouter", "https://x/api/v1", "https://x/api/v1/models", {"authorization": f"Bearer {KEY}"}),
        ("gemini", "https://x", "https://x/v1beta/models?pageSize=1000", {"x-goog-api-key": KEY}),
        ("gemini", "https://x/v1", "https://x/v1/models?pageSize=1000", {"x-goog-api-key": KEY}),
        ("github-models", "https://x", "https://x/models", {"x-github-api-version": "2022-11-28"}),
    ],
)
def test_the_list_is_asked_for_beside_the_formats_own_address(preset, base_url, url, signed):
    """A GET without a body, signed in like every call, with the vendor's own headers."""
    request = asked(preset, base_url)
    assert (request.method, request.url, request.body) == ("GET", url, b"")
    assert signed.items() <= request.headers.items()


def test_a_list_is_asked_for_with_an_accounts_token():
    """Anthropic's list wants the beta of signed-in accounts as every other call."""
    request = ANTHROPIC_MESSAGES.models_request(target(preset="anthropic", signed_in=True))
    assert request.headers["anthropic-beta"] == PRESETS["anthropic"].sign_in_beta
    assert (request.headers["authorization"], request.url) == (
        f"Bearer {KEY}",
        "http://127.0.0.1:9/v1/models?limit=1000",
    )
    assert "anthropic-beta" not in ANTHROPIC_MESSAGES.models_request(target(preset="zenmux", signed_in=True)).headers


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("vertex-ai", {}),
        ("vertex-claude", {}),
        ("code-assist", {}),
        ("codex", {}),
    ],
)
def test_where_there_is_no_list_nothing_is_asked(preset, changes):
    """Vertex AI, Code Assist and the Codex backend list no models."""
    assert asked(preset, **changes) is None


@pytest.mark.parametrize("wire_format", OPENAI_STYLE)
def test_ids_under_data_are_the_names(wire_format):
    """Each usable name once, in the vendor's order; a bare list counts too."""
    items = [
        {"id": "b"},
        {"id": "a"},
        {"id": "b"},
        {"id": 7},
        {},
        "c",
        {"id": " d"},
        {"id": "e\x1b"},
        {"id": "f" * 201},
    ]
    for body in ({"object": "list", "data": items}, items):
        assert OUTBOUND[wire_format].listed(json.dumps(body).encode()) == ["b", "a"]


def test_of_geminis_models_those_that_generate_content_are_named():
    """Embedding models are left out; `models/` is no part of a name."""
    models = [
        {"name": "models/gemini-x", "supportedGenerationMethods": ["generateContent", "countTokens"]},
        {"name": "models/embedding-x", "supportedGenerationMethods": ["embedContent"]},
        {"name": "models/silent"},
        {"name": None},
    ]
    assert OUTBOUND["gemini"].listed(json.dumps({"models": models}).encode()) == ["gemini-x", "silent"]


def test_a_list_without_end_is_cut():
    """At most as many names are taken as a page can offer."""
    body = json.dumps([{"id": f"m{n}"} for n in range(MAX_NAMES + 5)]).encode()
    assert len(OUTBOUND["openai_chat"].listed(body)) == MAX_NAMES


@pytest.mark.parametrize("wire_format", sorted(OUTBOUND))
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"<html>sign in</html>", "HTML page"),
        (b"{}", "no list of models"),
        (b'{"data": {"id": "x"}, "models": 1}', "no list of models"),
    ],
)
def test_what_is_no_list_is_garbled(wire_format, body, words):
    """The failure says what came instead."""
    with pytest.raises(UpstreamFailure, match=words) as raised:
        OUTBOUND[wire_format].listed(body)
    assert raised.value.failure.kind is FailureKind.GARBLED
