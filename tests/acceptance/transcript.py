"""What an upstream is really told: the bodies of four wire formats as one list of lines, to compare them by.

A line is `(role, text)`, `("call", id, name, input)`, `("result", id, text)` or `("media", kind, data)`; the roles
are `system` for what leads, `aside` for a system message amid the turns, `user` and `assistant`.
"""

import json

from providers.outbound.formats import OUTBOUND
from providers.presets import PRESETS
from tests.cast import request, target
from tests.official import CHECKS

BASES = {"anthropic": "https://a", "openai-chat": "https://c", "openai": "https://r", "gemini": "https://g"}
"""A preset for each wire format, and any address."""
TRANSLATED = ["openai-chat", "openai", "gemini"]
COMPATIBLE = [*TRANSLATED, "openrouter", "deepseek", "mistral", "groq", "xai", "ollama", "vertex-ai", "moonshot"]
MODELS = {"gemini": "gemini-3-pro-preview", "vertex-ai": "gemini-3-pro-preview"}


def upstream(preset, model=None, **fields):
    """A target with this preset."""
    where = {"project": "p", "location": "global"} if preset.startswith("vertex") else {}
    return target("up", model or MODELS.get(preset, "m"), preset, BASES.get(preset, "https://x"), **where, **fields)


def call(preset, body, headers=None, **fields):
    """The HTTP call that a Messages body makes at this preset."""
    at = upstream(preset, **fields)
    return OUTBOUND[at.preset.wire_format].request(request(body, headers=headers or {}), at)


def sent(preset, body, headers=None, **fields):
    """The JSON that an upstream receives; one that is translated fits the types of the vendor's own SDK."""
    made = json.loads(call(preset, body, headers, **fields).body)
    wire_format = PRESETS[preset].wire_format
    if wire_format != "anthropic_messages":
        CHECKS[wire_format](made)
    return made


def told(preset, *turns, **fields):
    """The lines that a conversation makes at this preset."""
    return lines(sent(preset, {"messages": list(turns)}, **fields))


def lines(body):
    """The lines of any translated body."""
    read = _gemini if "contents" in body else _responses if "input" in body else _chat
    return list(read(body))


def _aside(text):
    inside = text.removeprefix("<system-reminder>\n").removesuffix("\n</system-reminder>")
    return ("user", text) if inside == text else ("aside", inside)


def _chat(body):
    for number, message in enumerate(body["messages"]):
        role, content = message["role"], message["content"]
        if role == "tool":
            yield "result", message["tool_call_id"], content
            continue
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        for part in parts:
            if part["type"] != "text":
                kind = part["type"]
                inner = part[kind]
                yield "media", "image" if kind == "image_url" else "pdf", inner.get("url") or inner.get("file_data")
            elif role in ("system", "developer"):
                yield "aside" if number else "system", part["text"]
            else:
                yield _aside(part["text"]) if role == "user" else (role, part["text"])
        for one in message.get("tool_calls", ()):
            function = one["function"]
            yield "call", one["id"], function["name"], json.loads(function["arguments"])


def _responses_part(part, role):
    if part["type"] == "input_image":
        return "media", "image", part["image_url"]
    if part["type"] == "input_file":
        return "media", "pdf", part.get("file_data")
    return ("aside" if role == "developer" else role), part["text"]


def _responses(body):
    if body.get("instructions"):
        yield "system", body["instructions"]
    for item in body["input"]:
        if item["type"] == "message":
            yield from (_responses_part(part, item["role"]) for part in item["content"])
        elif item["type"] == "function_call":
            yield "call", item["call_id"], item["name"], json.loads(item["arguments"])
        elif item["type"] == "function_call_output":
            output = item["output"]
            parts = [{"type": "input_text", "text": output}] if isinstance(output, str) else output
            yield "result", item["call_id"], "\n".join(p["text"] for p in parts if p["type"] == "input_text")
            yield from (_responses_part(p, "") for p in parts if p["type"] != "input_text")
        else:
            yield item["type"], item.get("encrypted_content")


def _gemini(body):
    for part in body.get("systemInstruction", {}).get("parts", ()):
        yield "system", part["text"]
    for content in body["contents"]:
        for part in content["parts"]:
            yield from _gemini_part(part, "assistant" if content["role"] == "model" else "user")


def _gemini_part(part, role):
    if "functionCall" in part:
        made = part["functionCall"]
        yield "call", made.get("id"), made["name"], made["args"]
    elif "functionResponse" in part:
        answer = part["functionResponse"]
        words = answer["response"]
        yield "result", answer.get("id"), words["output"] if "output" in words else f"Error: {words['error']}"
        for media in answer.get("parts", ()):
            yield from _gemini_part(media, role)
    elif "inlineData" in part:
        kind = "pdf" if part["inlineData"]["mimeType"] == "application/pdf" else "image"
        yield "media", kind, part["inlineData"]["data"]
    else:
        yield _aside(part["text"]) if role == "user" else (role, part["text"])
