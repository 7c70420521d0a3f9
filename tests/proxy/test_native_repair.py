"""OpenAI clients whose conversation several vendors took part in: nobody is sent what another one sealed."""

import json

import httpx
import pytest

from providers.wire.messages import Source
from providers.wire.signatures import DETAILS_FORMAT, carried, tag
from providers.wire.spans import scan_object
from proxy import call as call_module
from proxy import origins
from proxy.native_repair import without_foreign
from tests import cast
from tests.live import config_of

USER = {"type": "message", "role": "user", "content": "hi"}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "ok"}


def reasoning(blob):
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": blob}


def detail(blob, key="data", **fields):
    return {"type": "reasoning.encrypted", key: blob, "index": 0, **fields}


def said(*details, **fields):
    return {"role": "assistant", "content": "a", "reasoning_details": list(details), **fields}


def cleaned(wire_format, key, *turns):
    body = b'{"model": "m" ,' + json.dumps({key: list(turns)}).encode()[1:]
    source = Source(wire_format, body, scan_object(body))
    changed, notes = without_foreign(source, lambda blob: blob.startswith("theirs"))
    assert changed.members == scan_object(changed.body)
    if not notes:
        assert changed is source
    assert changed.body.startswith(b'{"model": "m" ,')
    return json.loads(changed.body)[key], notes


def test_reasoning_of_another_upstream_is_taken_out():
    """Of a Responses conversation the sealed items of others go, what they led to and the target's own stay."""
    turns = [USER, reasoning("theirs"), CALL, OUTPUT, reasoning("own"), reasoning(None), CALL]
    compacted = {"type": "compaction", "encrypted_content": "theirs"}
    kept, notes = cleaned("openai_responses", "input", compacted, *turns)
    assert kept == [item for item in turns if item.get("encrypted_content") != "theirs"]
    assert notes == ("foreign compaction dropped", "foreign thinking dropped")


def test_words_about_blobs_are_no_blobs():
    """Text that looks like a sealed item, our own marks and items of other kinds are left as they are."""
    marked = reasoning(carried({"type": "thinking", "thinking": "", "signature": "theirs"}))
    talk = {**USER, "content": '{"encrypted_content":"theirs"}'}
    turns = [marked, talk, {**CALL, "encrypted_content": "theirs"}]
    assert cleaned("openai_responses", "input", *turns) == (turns, ())


@pytest.mark.parametrize("key", ["data", "signature"])
def test_details_of_another_upstream_are_taken_out(key):
    """Of a Chat conversation the sealed details of others go; open ones, own ones and everything else stay."""
    foreign, own, seen = detail("theirs", key), detail("own", key), {"type": "reasoning.summary", "summary": "theirs"}
    kept, notes = cleaned("openai_chat", "messages", said(foreign, own, seen), said(foreign, reasoning="r"), USER)
    assert kept == [said(own, seen), {"role": "assistant", "content": "a", "reasoning": "r"}, USER]
    assert notes == ("foreign thinking dropped",)


def test_details_that_are_none_of_theirs_stay():
    """Entries under our format are the native path's to remove, and odd shapes are nobody's."""
    turns = [said(detail("theirs", format=DETAILS_FORMAT)), {**said(), "reasoning_details": "theirs"}, said(7, None)]
    assert cleaned("openai_chat", "messages", *turns) == (turns, ())


@pytest.fixture
def remembered(monkeypatch):
    memory = origins.Origins()
    monkeypatch.setattr(call_module, "ORIGINS", memory)
    return memory


PATHS = {
    "openai": ("/v1/responses", lambda blob: {"input": [USER, reasoning(blob), CALL, OUTPUT]}),
    "openai-compatible": ("/v1/chat/completions", lambda blob: {"messages": [USER, said(detail(blob)), USER]}),
}


def post(live, preset, blob, stream=False, model="smart"):
    path, body = PATHS[preset]
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(live.url + path, json={"model": model, "stream": stream, **body(blob)})


def at(upstream, path, name, preset):
    return cast.target(name, "gpt-5.2", preset, f"{upstream.url}/{path}")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("preset", PATHS)
def test_on_failover_a_blob_stays_behind(live, upstream, remembered, preset, stream):
    """What the first target is sent as it is does not reach the next vendor, and the answer tells of it."""
    live.configure(config_of({"smart": [at(upstream, "status/529", "one", preset), at(upstream, "ok", "two", preset)]}))
    answer = post(live, preset, "blob-of-one", stream)
    assert answer.status_code == 200
    seen = [b"blob-of-one" in request.body for request in upstream.requests]
    assert seen == [True] * (len(seen) - 1) + [False]
    assert "two/gpt-5.2: foreign thinking dropped" in answer.headers["x-ccm-why"]


@pytest.mark.parametrize("preset", PATHS)
def test_a_blob_goes_to_its_maker_alone(live, upstream, remembered, preset):
    """Once it is known who made a blob, nobody else is sent it, whoever comes first."""
    live.configure(config_of({"one": [at(upstream, "ok", "one", preset)], "two": [at(upstream, "ok", "two", preset)]}))
    remembered.note("blob-of-one", "one")
    for model, expected in (("one", True), ("two", False)):
        answer = post(live, preset, "blob-of-one", model=model)
        assert answer.status_code == 200
        assert (b"blob-of-one" in upstream.requests[-1].body) is expected
        assert ("foreign thinking dropped" in answer.headers["x-ccm-why"]) is not expected


@pytest.mark.parametrize(("payload", "blob"), [
    ({"id": "rs_1", "encrypted_content": "made"}, "made"), ([{"data": "made"}], "made"), ([{"signature": "s"}], "s"),
])  # fmt: skip
def test_what_passes_natively_is_remembered(remembered, payload, blob):
    """Under our mark stands the blob that a native client gets bare: its maker is known by both."""
    to = cast.target("one", preset="openai")
    signature = tag(to.origin, payload)
    request = cast.request(source=Source("openai_responses", b"{}", {}))
    call = call_module.Call.__new__(call_module.Call)
    call.request = request
    call.signed(signature, to)
    assert (remembered.maker(signature), remembered.maker(blob)) == ("one", "one")
    call.request = cast.request()
    call.signed(tag(to.origin, {"encrypted_content": "unseen"}), to)
    assert remembered.maker("unseen") is None
