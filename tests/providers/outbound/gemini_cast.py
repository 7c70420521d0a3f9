"""What the tests of Gemini's request side share: presets of the three addresses, turns and targets."""

from providers.outbound.gemini.request import build_body
from providers.presets import Preset
from providers.targets import Target
from providers.wire import signatures
from tests.cast import request

PRESETS = {
    addressing: Preset("p", "P", "gemini", "https://x", "bearer", addressing=addressing)
    for addressing in ("", "vertex", "code_assist")
}
NEW, OLD = "gemini-3.8-flash", "gemini-2.5-pro"
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
ONE, TWO = "call_1", "call_2"


def to(model=NEW, addressing="", **fields):
    return Target(provider="main", preset=PRESETS[addressing], base_url="https://x", actual_model=model, **fields)


def sent(body=None, target=None, **fields):
    return build_body(request(body), target or to(**fields))[0]


def notes(body, **fields):
    return build_body(request(body), to(**fields))[1]


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
