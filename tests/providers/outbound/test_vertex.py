"""Claude and other publishers' models on Vertex AI: the addresses, and Anthropic's body there."""

import json
from dataclasses import replace

import pytest

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.anthropic_messages import ANTHROPIC_MESSAGES
from providers.outbound.vertex import published, vertex_models
from providers.presets import PRESETS, Preset, Quirks
from tests.cast import KEY, request, target

VERTEX = Preset(
    "v", "V", "anthropic_messages", "https://aiplatform.googleapis.com", "bearer", addressing="vertex",
    quirks=Quirks(counts_tokens=True),
)  # fmt: skip


def on_vertex(location="europe-west4", base_url=VERTEX.base_url, project="p-1", model="claude-x@20260101"):
    return replace(
        target(base_url=base_url, model=model), preset=VERTEX, project=project, location=location,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("location", "base_url", "host"),
    [
        ("europe-west4", VERTEX.base_url, "https://europe-west4-aiplatform.googleapis.com/v1"),
        ("global", "", "https://aiplatform.googleapis.com/v1"),
        ("eu", "", "https://aiplatform.eu.rep.googleapis.com/v1"),
        ("us", "http://127.0.0.1:9", "http://127.0.0.1:9/v1"),
        ("us", "http://127.0.0.1:9/v1beta1", "http://127.0.0.1:9/v1beta1"),
    ],
)
def test_the_address_follows_the_location(location, base_url, host):
    """A region has a host of its own; an address of the provider's own wins."""
    place = f"projects/p-1/locations/{location}/publishers/anthropic/models"
    assert vertex_models(on_vertex(location, base_url), "anthropic") == f"{host}/{place}"


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"project": ""}, "project ID"), ({"location": ""}, "location"), ({"location": "evil.example/"}, "location")],
)
def test_a_missing_setting_is_named(fields, words):
    """The failure says which field of which provider to set, and the next target gets its turn."""
    with pytest.raises(UpstreamFailure, match=words) as caught:
        ANTHROPIC_MESSAGES.request(request(), on_vertex(**fields))
    assert caught.value.failure.kind is FailureKind.INCAPABLE
    assert "main" in caught.value.failure.message


def test_claude_on_vertex_is_asked_by_address():
    """The model leaves the body for the address, the version comes in; every other member keeps its bytes."""
    asked = request({"metadata": {"user_id": "Ü"}, "system": "s"}, headers={"anthropic-beta": "b-1"})
    sent = ANTHROPIC_MESSAGES.request(asked, on_vertex())
    assert sent.url.endswith("/publishers/anthropic/models/claude-x@20260101:rawPredict")
    body = json.loads(sent.body)
    assert list(body) == ["anthropic_version", "max_tokens", "messages", "metadata", "system"]
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert asked.members["messages"] in sent.body and asked.members["metadata"] in sent.body
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["anthropic-beta"] == "b-1" and "anthropic-version" not in sent.headers


def test_streams_and_counts_have_their_own_verbs():
    """A stream is asked of another address, and the counter wants the model in the body again."""
    stream = ANTHROPIC_MESSAGES.request(request({"stream": True}), on_vertex())
    assert stream.url.endswith(":streamRawPredict")
    count = ANTHROPIC_MESSAGES.count_request(request(), on_vertex())
    assert count is not None and count.url.endswith("/models/count-tokens:rawPredict")
    assert json.loads(count.body)["model"] == "claude-x@20260101"
    assert ANTHROPIC_MESSAGES.count_request(request(), replace(on_vertex(), preset=PRESETS["zenmux"])) is None


def test_a_name_written_in_full_is_not_doubled():
    """`publishers/P/models/NAME` stands once in the address, and the counter gets the bare name."""
    full = on_vertex(model="publishers/anthropic/models/claude-x@20260101")
    assert ANTHROPIC_MESSAGES.request(request(), full).url == ANTHROPIC_MESSAGES.request(request(), on_vertex()).url
    count = ANTHROPIC_MESSAGES.count_request(request(), full)
    assert count is not None and json.loads(count.body)["model"] == "claude-x@20260101"


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("claude-x", ("own", "claude-x")),
        ("models/claude-x", ("own", "claude-x")),
        ("publishers/acme-2/models/x", ("acme-2", "x")),
        ("publishers/acme-2/models/", ("own", "publishers/acme-2/models/")),
        ("publishers/../models/x", ("own", "publishers/../models/x")),
        ("publishers/a/b/models/x", ("own", "publishers/a/b/models/x")),
    ],
)
def test_only_a_whole_full_name_is_taken_apart(model, parts):
    """Anything else is a name as it stands, of the format's own publisher."""
    assert published(model, "own") == parts
