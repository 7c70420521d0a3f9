"""What the tests of Gemini's request side share: presets of the three addresses, turns and targets."""

from providers.outbound.gemini.request import build_body
from providers.presets import Preset
from providers.targets import Target
from providers.wire import signatures
from tests.cast import request
from tests.official import check_gemini

PRESETS = {
    addressing: Preset("p", "P", "gemini", "https://x", "bearer", addressing=addressing)
    for addressing in ("", "vertex", "code_assist")
}
NEW, OLD = "gemini-3.8-flash", "gemini-2.5-pro"
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
PICTURE = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
PDF = {"type": "document", "title": "r", "source": {"type": "base64", "media_type": "application/pdf", "data": "JV"}}
PAGES = {"inlineData": {"mimeType": "application/pdf", "data": "JV"}}
ONE, TWO = "call_1", "call_2"


def to(model=NEW, addressing="", **fields):
    return Target(provider="main", preset=PRESETS[addressing], base_url="https://x", actual_model=model, **fields)


def build(body=None, target=None, **fields):
    """The body and the notes, the body checked."""
    built, notes = build_body(request({"max_tokens": 2000, **(body or {})}), target or to(**fields))
    check_gemini(built)
    return built, notes


def sent(body=None, target=None, **fields):
    return build(body, target, **fields)[0]


def notes(body, **fields):
    return build(body, **fields)[1]


def turns(*messages, **fields):
    return sent({"messages": list(messages)}, **fields)["contents"]


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def text(words):
    return {"type": "text", "text": words}


def call(id_, name="Read", **arguments):
    return {"type": "tool_use", "id": id_, "name": name, "input": arguments}


def result(id_, content="ok", **fields):
    return {"type": "tool_result", "tool_use_id": id_, "content": content, **fields}


def thinking(words="", signature="sig", model=NEW):
    return {"type": "thinking", "thinking": words,
            "signature": signatures.tag(to(model).origin, {"thoughtSignature": signature})}  # fmt: skip


ASK, CALLS = user(text("go")), assistant(call(ONE), call(TWO, "Bash"))


def check_body(body):
    """Google's own types allow the body, turns alternate from the user on, results match calls."""
    check_gemini(body)
    owed = []
    for at, content in enumerate(body["contents"]):
        assert content["role"] == ("user", "model")[at % 2]
        assert content["parts"]
        names = [[part[kind]["name"] for part in content["parts"] if kind in part]
                 for kind in ("functionResponse", "functionCall")]  # fmt: skip
        assert names[0] == owed
        owed = names[1]
    assert not owed
