"""What the tests of Responses requests share: two kinds of target, and bodies checked against OpenAI's types."""

from dataclasses import replace

from openai.types.responses.input_token_count_params import InputTokenCountParams

from providers.outbound.openai_responses.request import build_body, count_body
from providers.presets import PRESETS, Quirks
from tests.cast import request, target
from tests.official import check_responses

PLATFORM = replace(PRESETS["openai"], wire_format="openai_responses", quirks=Quirks(pdf=True))
CODEX = replace(PLATFORM, addressing="codex", quirks=Quirks(pdf=True, phase=True))

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}
PDF = {"type": "document", "title": "r", "source": {"type": "base64", "media_type": "application/pdf", "data": "JV"}}
FILE = {"type": "input_file", "filename": "r.pdf", "file_data": "data:application/pdf;base64,JV"}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def upstream(preset=PLATFORM, **fields):
    return replace(target(provider="oai", model="gpt-5.2"), preset=preset, **fields)


def with_quirks(**quirks):
    return replace(PLATFORM, quirks=replace(PLATFORM.quirks, **quirks))


def build(body=None, preset=PLATFORM, headers=None, **fields):
    """The body and the notes, the body checked."""
    built, notes = build_body(request(body, headers=headers or {}), upstream(preset, **fields))
    check_responses(built)
    return built, notes


def sent(body=None, preset=PLATFORM, **fields):
    return build(body, preset, **fields)[0]


def counted(body=None, preset=PLATFORM):
    built = count_body(request(body), upstream(preset))
    check_responses(built, InputTokenCountParams)
    return built


def items(*messages, preset=PLATFORM):
    return sent({"messages": list(messages)}, preset)["input"]


def notes(*messages, preset=PLATFORM):
    return build({"messages": list(messages)}, preset)[1]


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


def said(*parts, role="user"):
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": part} if isinstance(part, str) else part for part in parts]
    return {"type": "message", "role": role, "content": content}


def called(id_, name="Read", arguments="{}"):
    return {"type": "function_call", "call_id": id_, "name": name, "arguments": arguments}


def output(id_, content="ok", failed=False):
    item = {"type": "function_call_output", "call_id": id_, "output": content}
    return {**item, "status": "incomplete"} if failed else item
