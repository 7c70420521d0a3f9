"""The three addresses of GenerateContent: what goes where, in what wrapping, with which key."""

import json
from dataclasses import replace

import pytest

from providers.errors import FailureKind, UpstreamFailure
from providers.outbound.gemini.transport import call
from providers.presets import Preset
from providers.targets import Secret, Target
from tests.cast import KEY, request

STUDIO = Preset("studio", "Studio", "gemini", "https://generativelanguage.googleapis.com", "x-goog-api-key")
VERTEX = Preset("vertex", "V", "gemini", "https://aiplatform.googleapis.com", "bearer", addressing="vertex")
ASSIST = Preset("assist", "A", "gemini", "https://cloudcode-pa.googleapis.com", "bearer", addressing="code_assist")

BODY = {
    "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
    "systemInstruction": {"parts": [{"text": "be kind"}]},
    "tools": [{"googleSearch": {}}],
    "generationConfig": {"maxOutputTokens": 9},
}
COUNTED = {key: BODY[key] for key in ("contents", "systemInstruction", "tools")}


def to(preset, model="gemini-3.8-flash", **fields):
    fields = {"base_url": preset.base_url, **fields}
    return Target(provider="main", preset=preset, actual_model=model, secret=Secret(KEY), **fields)


def at_vertex(**fields):
    return to(VERTEX, **{"project": "acme-1", "location": "europe-west4", **fields})


def sent(target, verb="generate", body=None, **fields):
    outgoing = call(request(fields), target, body or BODY, verb)
    return outgoing, json.loads(outgoing.body)


MODELS = "https://generativelanguage.googleapis.com/v1beta/models/"
PLACE = "/projects/acme-1/locations/"
NAMED = "/publishers/google/models/gemini-3.8-flash"
URLS = {
    "studio": (to(STUDIO), "generate", f"{MODELS}gemini-3.8-flash:generateContent"),
    "studio stream": (to(STUDIO), "stream", f"{MODELS}gemini-3.8-flash:streamGenerateContent?alt=sse"),
    "studio count": (to(STUDIO), "count", f"{MODELS}gemini-3.8-flash:countTokens"),
    "studio, version given": (
        to(STUDIO, base_url="http://127.0.0.1:9/v1alpha"), "generate",
        "http://127.0.0.1:9/v1alpha/models/gemini-3.8-flash:generateContent"),
    "model with its prefix": (to(STUDIO, model="models/gemma-4"), "generate", f"{MODELS}gemma-4:generateContent"),
    "odd model": (to(STUDIO, model="../a b?c#é:x"), "count", f"{MODELS}..%2Fa%20b%3Fc%23%C3%A9%3Ax:countTokens"),
    "model that is no text": (to(STUDIO, model="\ud800"), "generate", f"{MODELS}%3F:generateContent"),
    "vertex": (
        at_vertex(), "generate",
        f"https://europe-west4-aiplatform.googleapis.com/v1beta1{PLACE}europe-west4{NAMED}:generateContent"),
    "vertex, no address": (
        at_vertex(base_url=""), "count",
        f"https://europe-west4-aiplatform.googleapis.com/v1beta1{PLACE}europe-west4{NAMED}:countTokens"),
    "vertex global": (
        at_vertex(location="global"), "stream",
        f"https://aiplatform.googleapis.com/v1beta1{PLACE}global{NAMED}:streamGenerateContent?alt=sse"),
    "vertex multi-region": (
        at_vertex(location="eu"), "generate",
        f"https://aiplatform.eu.rep.googleapis.com/v1beta1{PLACE}eu{NAMED}:generateContent"),
    "vertex elsewhere": (
        at_vertex(base_url="http://127.0.0.1:9/v1"), "generate",
        f"http://127.0.0.1:9/v1{PLACE}europe-west4{NAMED}:generateContent"),
    "vertex, name in full": (
        at_vertex(model="publishers/google/models/gemini-3.8-flash"), "generate",
        f"https://europe-west4-aiplatform.googleapis.com/v1beta1{PLACE}europe-west4{NAMED}:generateContent"),
    "vertex, another publisher": (
        at_vertex(model="publishers/acme-2/models/a/b", location="global"), "count",
        f"https://aiplatform.googleapis.com/v1beta1{PLACE}global/publishers/acme-2/models/a%2Fb:countTokens"),
    "vertex, odd project": (
        at_vertex(project="a.com:b/c", location="global"), "generate",
        f"https://aiplatform.googleapis.com/v1beta1/projects/a.com%3Ab%2Fc/locations/global{NAMED}:generateContent"),
    "assist": (to(ASSIST), "generate", "https://cloudcode-pa.googleapis.com/v1internal:generateContent"),
    "assist stream": (
        to(ASSIST), "stream", "https://cloudcode-pa.googleapis.com/v1internal:streamGenerateContent?alt=sse"),
    "assist count": (to(ASSIST, base_url="http://x/v1internal"), "count", "http://x/v1internal:countTokens"),
}  # fmt: skip


@pytest.mark.parametrize("case", URLS)
def test_each_call_goes_to_its_address(case):
    """Host, version, place, model and method make the address; a name from outside cannot leave its segment."""
    target, verb, url = URLS[case]
    outgoing, _ = sent(target, verb)
    assert (outgoing.method, outgoing.url) == ("POST", url)


@pytest.mark.parametrize("verb", ["generate", "stream"])
def test_plain_bodies_go_as_they_are(verb):
    """AI Studio and Vertex take the body itself; whether it streams is said by the address, not in the body."""
    assert sent(to(STUDIO), verb)[1] == BODY
    assert sent(at_vertex(), verb)[1] == BODY


def test_code_assist_wraps_the_body():
    """Code Assist has model, project and ids around the request; the model is not in the address."""
    _, body = sent(to(ASSIST, project="acme-1"))
    assert list(body) == ["model", "project", "user_prompt_id", "request"]
    assert (body["model"], body["project"]) == ("gemini-3.8-flash", "acme-1")
    assert list(body["request"]) == [*BODY, "session_id"]
    assert {key: body["request"][key] for key in BODY} == BODY
    assert "project" not in sent(to(ASSIST))[1]


def test_ids_follow_the_conversation_and_tell_nothing():
    """The session id is one for a conversation, the prompt id per request; neither shows the client's own."""
    turn = {"role": "user", "content": "hi"}

    def ids(**fields):
        body = sent(to(ASSIST), **fields)[1]
        return body["request"]["session_id"], body["user_prompt_id"]

    one, two = ids(messages=[turn]), ids(messages=[turn, turn])
    assert ids(messages=[turn]) == one
    assert one[0] == two[0]
    assert one[1] != two[1]
    told = ids(metadata={"user_id": "canary-session"}, messages=[turn])
    assert told[0] == ids(metadata={"user_id": "canary-session"}, messages=[])[0]
    assert told[0] != one[0]
    assert "canary" not in "".join(told)
    for odd in ({"metadata": 7}, {"metadata": {"user_id": 7}}, {"metadata": {"user_id": "\ud800"}}, {"messages": 7}):
        assert len(ids(**odd)[0]) == 36


def test_counting_sends_what_counts():
    """A counter gets the turns, the system prompt and the tools, each address in its own wrapping, and no limits."""
    model = "models/gemini-3.8-flash"
    assert sent(to(STUDIO), "count")[1] == {"generateContentRequest": {"model": model, **COUNTED}}
    assert sent(at_vertex(), "count")[1] == COUNTED
    assert sent(to(ASSIST), "count")[1] == {"request": {"model": model, "contents": BODY["contents"]}}
    assert sent(to(STUDIO), "count", {"contents": []})[1] == {
        "generateContentRequest": {"model": model, "contents": []}
    }


def test_the_key_goes_in_the_header_the_vendor_wants():
    """AI Studio has a header of its own, the others a bearer; the key is never in the address."""
    outgoing, _ = sent(to(STUDIO), "stream")
    assert outgoing.headers["x-goog-api-key"] == KEY
    assert outgoing.headers["accept"] == "text/event-stream"
    assert outgoing.headers["content-type"] == "application/json"
    assert KEY not in outgoing.url
    bearer, _ = sent(at_vertex(extra_headers=(("X-Goog-User-Project", "bill"),)))
    assert bearer.headers["authorization"] == f"Bearer {KEY}"
    assert bearer.headers["x-goog-user-project"] == "bill"
    assert bearer.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"project": ""}, "set the project ID of the provider main"),
        ({"location": ""}, "set the location of the provider main"),
        ({"location": "evil.example/x"}, "the location of the provider main must be a name such as"),
        ({"location": "global\n"}, "the location of the provider main must be a name such as"),
    ],
)
def test_a_missing_setting_is_named(fields, words):
    """Without project or location there is no Vertex address: the failure says which field to set and on what."""
    for target in (at_vertex(**fields), replace(at_vertex(**fields), base_url="http://127.0.0.1:9")):
        with pytest.raises(UpstreamFailure) as caught:
            sent(target)
        assert caught.value.failure.kind is FailureKind.INCAPABLE
        assert caught.value.failure.message.startswith(words)
