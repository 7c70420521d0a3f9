"""Request bodies checked against the types of the vendors' own SDKs: a field that a vendor does not know refuses it."""

from functools import cache

import anthropic.types.message_create_params as messages_params
import openai.types.chat.completion_create_params as chat_params
from google.genai import types as gemini
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

OLD_VERSION = ("temperature", "top_p", "top_k")
"""What Messages takes only under its old version, which the types have forgotten."""
OF_OTHER_VENDORS = ("top_k",)
OF_OTHER_VENDORS_IN_TURNS = ("reasoning_content", "reasoning_details")
"""What servers that are like OpenAI's take beyond it."""


class GeminiBody(BaseModel, extra="forbid"):
    """The body of `generateContent`, which the SDK itself takes apart into arguments."""

    contents: list[gemini.Content]
    systemInstruction: gemini.Content | None = None
    tools: list[gemini.Tool] | None = None
    toolConfig: gemini.ToolConfig | None = None
    generationConfig: gemini.GenerationConfig | None = None


def check_gemini(body):
    """Raises AssertionError when Google's types do not allow the body. Bytes that are no base64 are the client's."""
    try:
        GeminiBody.model_validate(body, by_alias=True, by_name=False)
    except ValidationError as error:
        wrong = [found for found in error.errors() if found["type"] != "bytes_invalid_encoding"]
        assert not wrong, wrong


def check_messages(body):
    """Raises ValidationError when Anthropic's types do not allow the body."""
    streamed = body.get("stream")
    kind = messages_params.MessageCreateParamsStreaming if streamed else messages_params.MessageCreateParamsNonStreaming
    check_against(kind, {key: value for key, value in body.items() if key not in OLD_VERSION})


def check_chat(body):
    """Raises ValidationError when OpenAI's types of Chat do not allow the body, but for what other vendors take."""
    streamed = body.get("stream")
    kind = chat_params.CompletionCreateParamsStreaming if streamed else chat_params.CompletionCreateParamsNonStreaming
    plain = {key: value for key, value in body.items() if key not in OF_OTHER_VENDORS}
    turns = [
        {key: _unmarked(value) for key, value in turn.items() if key not in OF_OTHER_VENDORS_IN_TURNS}
        for turn in body["messages"]
    ]
    check_against(kind, {**plain, "messages": turns})


def _unmarked(content):
    """Parts without the cache marks that OpenRouter takes."""
    if not isinstance(content, list):
        return content
    return [{key: value for key, value in part.items() if key != "cache_control"} for part in content]


def check_responses(body, kind=None):
    """Raises ValidationError when OpenAI's types of Responses do not allow the body."""
    streaming = ResponseCreateParamsStreaming if body.get("stream") else ResponseCreateParamsNonStreaming
    check_against(kind or streaming, {**body, "input": [_as_answered(item) for item in body["input"]]})


CHECKS = {
    "anthropic_messages": check_messages, "openai_chat": check_chat, "openai_responses": check_responses,
    "gemini": check_gemini,
}  # fmt: skip


def check_against(kind, value):
    """Raises ValidationError when the value is none of this typed dictionary; unknown keys anywhere are none."""
    _walk(_adapter(kind).validate_python([value]))


@cache
def _adapter(kind):
    return TypeAdapter(list[kind], config=ConfigDict(extra="forbid"))


def _walk(value):
    """Iterables are only checked as they are read, and answers' own classes take anything besides."""
    if isinstance(value, BaseModel):
        assert not value.model_extra, value
        value = dict(value)
    if isinstance(value, dict):
        value = value.values()
    if not isinstance(value, str | int | float | None):
        for inner in value:
            _walk(inner)


def _as_answered(item):
    """Types know an assistant's message only as the API answers it; on the way back these three may be left out."""
    if item.get("role") != "assistant":
        return item
    parts = [{**part, "annotations": []} for part in item["content"]]
    return {**item, "content": parts, "id": "msg_1", "status": "completed"}
